import { LarderError } from "../../core/index.ts";

/**
 * What a failed load means for the caller. Failures of llama.cpp carry no reason; its log has it.
 *
 * @param said Lines that llama.cpp logged, as far as they are known to be about this model.
 */
export function loadError(error: unknown, said: readonly string[]): unknown {
  if (error instanceof LarderError || !(error instanceof Error)) return error;
  const reason = said.map(reasonIn).find((line) => line !== undefined) ?? error.message;
  return new LarderError(codeOf(error, reason), `Cannot load the model: ${reason}`, { cause: error });
}

function codeOf(error: Error, reason: string): "NO_MEMORY" | "NOT_SUPPORTED" | "MODEL_BROKEN" {
  if (error.constructor.name === "InsufficientMemoryError") return "NO_MEMORY";
  if (/failed to allocate|unable to allocate|out of memory|bad_alloc/i.test(reason)) return "NO_MEMORY";
  return /unknown model architecture|unknown pre-tokenizer type/i.test(reason)
    ? "NOT_SUPPORTED"
    : "MODEL_BROKEN";
}

/** `llama_model_load: error loading model: missing tensor 'x'` says it in its last part. */
function reasonIn(line: string): string | undefined {
  return /error loading model(?: \w+)?: (.+)$/.exec(line)?.[1];
}
