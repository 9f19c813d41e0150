import { LarderError } from "../../core/index.ts";
import type { GenerateAnswer, Models, ModelTarget, ServedBy } from "../../library/index.ts";
import { Pieces } from "./pieces.ts";
import type { Run } from "./text-request.ts";

/** A model that cannot take a prompt says so at once; one that reads a long prompt may be silent for minutes. */
const SILENCE_MS = 1000;

/** A text on its way. */
export interface Generation {
  /** When a model answers, or has had it for a while without a word; rejects with what kept it from a model, or a model from it. */
  readonly served: Promise<ServedBy>;
  readonly pieces: Pick<Pieces, "read">;
  /** The whole, in the end. */
  readonly answer: Promise<FinishedAnswer>;
}

export interface FinishedAnswer extends GenerateAnswer {
  readonly finishReason: "stop" | "length";
}

export interface GenerationOptions {
  readonly models: Pick<Models, "generate">;
  readonly target: ModelTarget;
  readonly run: Run;
  /** Aborts when the client left. */
  readonly signal: AbortSignal;
}

export function startGeneration(options: GenerationOptions, silenceMs = SILENCE_MS): Generation {
  const served = Promise.withResolvers<ServedBy>();
  const pieces = new Pieces();
  let silence: Timer | undefined;
  let endSilence = () => {};
  const onServed = (by: ServedBy) => {
    endSilence = () => served.resolve(by);
    silence = setTimeout(endSilence, silenceMs);
  };
  const onText = (text: string) => {
    pieces.push(text);
    endSilence();
  };
  const answer = whole(options, { onText, onServed });
  answer.then(served.resolve, served.reject).finally(() => {
    clearTimeout(silence);
    pieces.end();
  });
  // Of a stream's later texts nobody awaits it: what it would say is said by the answer.
  served.promise.catch(() => {});
  return { served: served.promise, pieces, answer };
}

/** @throws {LarderError} What {@link Models.generate} throws; CANCELLED also when the client left. */
export async function whole(
  { models, target, run, signal }: GenerationOptions,
  on: { readonly onText?: (text: string) => void; readonly onServed?: (by: ServedBy) => void } = {},
): Promise<FinishedAnswer> {
  const answer = await unlessLeft(signal, models.generate(target, run, { signal, ...on }));
  const { finishReason } = answer;
  if (finishReason !== "cancelled") return { ...answer, finishReason };
  throw new LarderError("CANCELLED", "Cannot finish this text: its generation was cancelled", {
    retryable: true,
  });
}

/** A client that left is no fault: what its signal makes others throw is CANCELLED. */
export async function unlessLeft<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new LarderError("CANCELLED", "Cannot go on: the client left", { cause: error });
  }
}
