import { LarderError } from "../../core/index.ts";

/** What ONNX Runtime says of operators, types and versions that it does not have. */
const UNSUPPORTED =
  /no op registered|not a registered function\/op|not implemented|could not find an implementation|unsupported model ir version|is under development/i;

/** What a failed load means for the caller; anything that is no error of the runtime comes back as it is. */
export function loadError(path: string, error: unknown): unknown {
  if (error instanceof LarderError || !(error instanceof Error)) return error;
  const code = outOfMemory(error.message)
    ? "NO_MEMORY"
    : UNSUPPORTED.test(error.message)
    ? "NOT_SUPPORTED"
    : "MODEL_BROKEN";
  return new LarderError(code, `Cannot load the model: ${withoutPath(error.message, path)}`, {
    cause: error,
  });
}

/** What a failed inference means: the model runs with other inputs, so these are at fault. */
export function runError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code = outOfMemory(error.message) ? "NO_MEMORY" : "BAD_INPUT";
  return new LarderError(code, `Cannot run the model: ${error.message}`, { cause: error });
}

function outOfMemory(message: string): boolean {
  return /bad_alloc|failed to allocate memory|out of memory/i.test(message);
}

/** Clients are not told where files lie. */
function withoutPath(message: string, path: string): string {
  return message.replaceAll(path, "the file");
}
