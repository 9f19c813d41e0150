import { type ErrorCode, isLarderError, LarderError } from "../core/index.ts";

/**
 * Why the bytes so far cannot be joined to what the server sends: it `changed` its file or joins ranges wrong; the connection was
 * `cut` and there are no ranges; nothing but a range shows which file it is `unjoinable` to.
 */
export type RestartReason = "changed" | "cut" | "unjoinable";

/** Begin from zero. */
export class RestartError extends Error {
  /** @param cause What is told when beginning again does not help either. */
  constructor(
    readonly reason: RestartReason,
    override readonly cause: LarderError,
    readonly withoutRanges = false,
  ) {
    super(cause.message);
  }
}

export function upstreamChanged(what: string, withoutRanges = false): RestartError {
  return new RestartError(
    "changed",
    new LarderError("UPSTREAM_CHANGED", `Cannot go on with this download: ${what}`, {
      retryable: true,
      hint: "Try again, or name a mirror whose file does not change.",
    }),
    withoutRanges,
  );
}

export function truncated(position: number, end: number): LarderError {
  return new LarderError(
    "UPSTREAM_TRUNCATED",
    `Cannot read on: the connection ended ${end - position} bytes early`,
    {
      retryable: true,
      hint: "Try again; what was fetched is kept.",
    },
  );
}

export function sizeMismatch(expectedBytes: number, actual: number | "more"): LarderError {
  return new LarderError(
    "SIZE_MISMATCH",
    `Cannot take this file: expected ${expectedBytes} bytes, the server has ${actual}`,
    {
      field: "size",
      hint: "Check the size and the digest, or name a mirror.",
      details: { expected_bytes: expectedBytes, ...(actual === "more" ? {} : { actual_bytes: actual }) },
    },
  );
}

export function lengthUnknown(): LarderError {
  return new LarderError(
    "LENGTH_UNKNOWN",
    "Cannot tell a cut from the end: the server says neither length nor end of this file",
    {
      hint: "Give both sha256 and size, or name a mirror that sends Content-Length.",
    },
  );
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
