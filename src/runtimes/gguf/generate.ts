import type { LlamaContextSequence, Token } from "node-llama-cpp";
import type { GenerateResult, GenerateRun } from "../types.ts";
import { StopFilter } from "./stop-filter.ts";
import { TokenText } from "./token-text.ts";

/** Tokens of a prompt that are read between two looks at the signal. */
const READ_STEP = 256;

export interface Generation {
  /** What it holds of an earlier text with the same beginning is not read again. */
  readonly sequence: LlamaContextSequence;
  /** Of the prompt; at least one, and fewer than the context takes. */
  readonly tokens: readonly Token[];
  readonly run: GenerateRun;
  readonly contextLength: number;
  readonly onText: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Generates until the model ends the text, a stop text comes, or there is no more room. Greedy without a temperature. */
export async function generate(generation: Generation): Promise<GenerateResult> {
  const { tokens, run, contextLength, onText, signal, sequence } = generation;
  let text = "";
  const stops = new StopFilter(run.stop ?? [], (piece) => {
    text += piece;
    onText(piece);
  });
  const decoder = new TokenText((pending, before) => sequence.model.detokenize(pending, false, before));
  const tokensMax = Math.min(run.maxTokens, contextLength - tokens.length);
  let count = 0;
  let finishReason: GenerateResult["finishReason"] = "length";
  const rest = await readPrompt(generation);
  if (rest === undefined) return result("cancelled");
  if (tokensMax <= 0) return result("length");
  for await (const token of sequence.evaluate(rest, samplingOf(run))) {
    if (signal.aborted) finishReason = "cancelled";
    else if (sequence.model.isEogToken(token)) finishReason = "stop";
    else {
      count++;
      if (stops.push(decoder.push(token))) finishReason = "stop";
      else if (count < tokensMax) continue;
    }
    break;
  }
  if (!stops.hasStopped) stops.push(decoder.end());
  stops.end();
  return result(stops.hasStopped ? "stop" : finishReason);

  function result(reason: GenerateResult["finishReason"]): GenerateResult {
    return { text, finishReason: reason, promptTokens: tokens.length, completionTokens: count };
  }
}

/** Reads the prompt but for what is returned, its last tokens; undefined when it was aborted. */
async function readPrompt({ sequence, tokens, signal }: Generation): Promise<Token[] | undefined> {
  // The last token is always evaluated, for what comes after it.
  await sequence.adaptStateToTokens(tokens.slice(0, -1), false);
  for (;;) {
    if (signal.aborted) return undefined;
    const rest = tokens.slice(sequence.nextTokenIndex);
    if (rest.length <= READ_STEP) return rest;
    await sequence.evaluateWithoutGeneratingNewTokens(rest.slice(0, READ_STEP));
  }
}

function samplingOf({ temperature, topP, seed }: GenerateRun) {
  return {
    yieldEogToken: true,
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(seed !== undefined && { seed }),
  };
}
