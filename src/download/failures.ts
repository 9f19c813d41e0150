import { type ErrorCode, isLarderError, LarderError } from "../core/index.ts";

/** The bytes so far do not belong to what the server has now: begin from zero. */
export class RestartError extends Error {
  override readonly cause: LarderError;

  constructor(code: "UPSTREAM_CHANGED" | "RANGE_MISMATCH", what: string, readonly withoutRanges = false) {
    super(what);
    this.cause = new LarderError(code, `Cannot go on with this download: ${what}`, {
      retryable: true,
      hint: "Try again, or name a mirror whose file does not change.",
    });
  }
}

export interface MirrorFailure {
  readonly address: string;
  readonly error: unknown;
}

/** Failures that no other mirror can mend: ours, not theirs. */
const FINAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "NO_SPACE",
  "NO_INODES",
  "READONLY",
  "IO",
  "PERMISSION",
  "UNSAFE_PATH",
  "STORE_GONE",
  "BUSY",
]);

export function isFinal(error: unknown): boolean {
  return !isLarderError(error) || FINAL.has(error.code);
}

/** One error for the failures of all mirrors: the most hopeful one, with what each mirror said. */
export function summarize(failures: readonly MirrorFailure[]): LarderError {
  const errors = failures.map((failure) => failure.error).filter((error) => isLarderError(error));
  const chosen = errors.find((error) => error.retryable) ?? errors.at(-1);
  if (chosen === undefined) {
    return new LarderError("SOURCE_REQUIRED", "Cannot fetch this file: no address is known for it", {
      field: "urls",
      hint: "Give at least one address.",
    });
  }
  if (failures.length === 1) return chosen;
  return new LarderError(chosen.code, `${chosen.message} (${failures.length} mirrors failed)`, {
    retryable: chosen.retryable,
    ...(chosen.hint === undefined ? {} : { hint: chosen.hint }),
    ...(chosen.field === undefined ? {} : { field: chosen.field }),
    ...(chosen.retryAfterS === undefined ? {} : { retryAfterS: chosen.retryAfterS }),
    details: {
      ...chosen.details,
      mirrors: failures.map(({ address, error }) => ({
        origin: new URL(address).origin,
        code: isLarderError(error) ? error.code : "UNKNOWN",
      })),
    },
    cause: chosen,
  });
}
