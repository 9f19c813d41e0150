import type { FinishedAnswer } from "./generation.ts";

type FinishReason = FinishedAnswer["finishReason"];

/** How one route writes text down: whole, or as a row of chunks. */
export interface TextForm {
  readonly idPrefix: string;
  readonly object: string;
  readonly chunkObject: string;
  choice(index: number, text: string, finishReason: FinishReason): object;
  /** What a client of a stream gets before any text; undefined where the dialect has nothing to say. */
  opening(index: number): object | undefined;
  piece(index: number, text: string): object;
  closing(index: number, finishReason: FinishReason): object;
}

export const CHAT: TextForm = {
  idPrefix: "chatcmpl-",
  object: "chat.completion",
  chunkObject: "chat.completion.chunk",
  choice: (index, content, finish_reason) => {
    return { index, message: { role: "assistant", content, refusal: null }, logprobs: null, finish_reason };
  },
  opening: (index) => delta(index, { role: "assistant", content: "", refusal: null }, null),
  piece: (index, content) => delta(index, { content }, null),
  closing: (index, finishReason) => delta(index, {}, finishReason),
};

export const COMPLETION: TextForm = {
  idPrefix: "cmpl-",
  object: "text_completion",
  chunkObject: "text_completion",
  choice: textChoice,
  opening: () => undefined,
  piece: (index, text) => textChoice(index, text, null),
  closing: (index, finishReason) => textChoice(index, "", finishReason),
};

function delta(index: number, delta: object, finish_reason: FinishReason | null) {
  return { index, delta, logprobs: null, finish_reason };
}

function textChoice(index: number, text: string, finish_reason: FinishReason | null) {
  return { index, text, logprobs: null, finish_reason };
}

/** What all answers of one request used together. */
export function usageOf(answers: readonly FinishedAnswer[]) {
  const prompt_tokens = answers.reduce((sum, { promptTokens }) => sum + promptTokens, 0);
  const completion_tokens = answers.reduce((sum, { completionTokens }) => sum + completionTokens, 0);
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}
