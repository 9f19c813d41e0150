/**
 * Every code a caller can meet. The HTTP status and the CLI exit code of each are chosen at the edge, in one table each.
 *
 * `HUB_*`, `REPO_*` and `REVISION_NOT_FOUND` are what a hub says of a repository, one code for each of its answers; `UPSTREAM_*` what
 * any server says of an address. `OFFLINE` is our own refusal to ask.
 */
export const ERROR_CODES = [
  "BAD_ALIAS",
  "BAD_BODY",
  "BAD_DIGEST",
  "BAD_HOST",
  "BAD_INPUT",
  "BAD_NAME",
  "BAD_PATH",
  "BAD_QUERY",
  "BAD_RANGE",
  "BAD_REFERENCE",
  "BAD_SIZE",
  "BAD_SOURCE",
  "BAD_STATE",
  "BLOB_DAMAGED",
  "BLOB_MISSING",
  "BLOB_REPAIRING",
  "BUSY",
  "CACHE_FULL",
  "CANCELLED",
  "CONFIG",
  "CORRUPT_SOURCE",
  "DEADLINE_EXCEEDED",
  "DECOMPRESS_LIMIT",
  "DIGEST_MISMATCH",
  "DNS",
  "DOES_NOT_FIT_MEMORY",
  "FILE_NOT_FOUND",
  "FORBIDDEN",
  "HOME_LOCKED",
  "HOST",
  "HUB_ANSWER",
  "HUB_FILE_NOT_FOUND",
  "HUB_GATED",
  "HUB_TOKEN_INVALID",
  "IO",
  "JOB_NOT_FOUND",
  "LENGTH_UNKNOWN",
  "MODEL_BROKEN",
  "MODEL_BUSY",
  "MODEL_CRASHED",
  "MODEL_FAILED",
  "MODEL_LOADING",
  "MODEL_NOT_FOUND",
  "MODEL_QUEUE_FULL",
  "MODEL_SET_ASIDE",
  "MODEL_TOO_LARGE",
  "NOT_SUPPORTED",
  "NO_INODES",
  "NO_MEMORY",
  "NO_SPACE",
  "OFFLINE",
  "ORIGIN",
  "PERMISSION",
  "PORT_IN_USE",
  "PROXY",
  "PULL_NOT_FOUND",
  "RANGE_MISMATCH",
  "RANGE_NOT_SATISFIABLE",
  "READONLY",
  "REDIRECT",
  "RELOAD_FAILED",
  "REPO_DISABLED",
  "REPO_NOT_FOUND",
  "REVISION_NOT_FOUND",
  "SCHEMA_NEWER",
  "SHUTTING_DOWN",
  "SIZE_MISMATCH",
  "SOURCE_REQUIRED",
  "SSRF_BLOCKED",
  "STORE_GONE",
  "TLS",
  "TOKEN_NOT_FOUND",
  "TOO_LARGE",
  "TOO_MANY",
  "UNAUTHORIZED",
  "UNSAFE_PATH",
  "UNSUPPORTED_MEDIA_TYPE",
  "UPSTREAM_CHANGED",
  "UPSTREAM_FORBIDDEN",
  "UPSTREAM_NOT_FOUND",
  "UPSTREAM_PROTOCOL",
  "UPSTREAM_RATE_LIMITED",
  "UPSTREAM_STATUS",
  "UPSTREAM_TIMEOUT",
  "UPSTREAM_TRUNCATED",
  "UPSTREAM_UNAUTHORIZED",
  "UPSTREAM_UNREACHABLE",
  "USAGE",
  "VARIANT_NOT_FOUND",
  "VERSION_EXISTS",
  "VERSION_NOT_FOUND",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface LarderErrorOptions {
  /** True when the same call may succeed later without any change by the caller. */
  readonly retryable?: boolean;
  /** What the caller can do next, one sentence: "Free space, or ...". */
  readonly hint?: string;
  /** The name of the wrong field, for bad input. */
  readonly field?: string;
  /** When to try again, in seconds; becomes `Retry-After`. */
  readonly retryAfterS?: number;
  /** Plain values for programs; never a token or a signed address. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** The form of a {@link LarderError} that crosses a worker port, a socket or the registry. */
export interface ErrorRecord {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly hint?: string;
  readonly field?: string;
  readonly retry_after_s?: number;
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * A failure that the caller may act on. Everything else is a bug and travels up untouched.
 * Tested by `code`, never by message.
 */
export class LarderError extends Error {
  override readonly name = "LarderError";
  readonly retryable: boolean;
  readonly hint: string | undefined;
  readonly field: string | undefined;
  readonly retryAfterS: number | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(readonly code: ErrorCode, message: string, options: LarderErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.retryable = options.retryable ?? false;
    this.hint = options.hint;
    this.field = options.field;
    this.retryAfterS = options.retryAfterS;
    this.details = options.details;
  }

  toRecord(): ErrorRecord {
    return {
      code: this.code,
      message: this.message,
      retryable: this.retryable,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.field === undefined ? {} : { field: this.field }),
      ...(this.retryAfterS === undefined ? {} : { retry_after_s: this.retryAfterS }),
      ...(this.details === undefined ? {} : { details: this.details }),
    };
  }

  static fromRecord(record: ErrorRecord): LarderError {
    return new LarderError(record.code, record.message, {
      retryable: record.retryable,
      ...(record.hint === undefined ? {} : { hint: record.hint }),
      ...(record.field === undefined ? {} : { field: record.field }),
      ...(record.retry_after_s === undefined ? {} : { retryAfterS: record.retry_after_s }),
      ...(record.details === undefined ? {} : { details: record.details }),
    });
  }
}

export function isLarderError(error: unknown, code?: ErrorCode): error is LarderError {
  return error instanceof LarderError && (code === undefined || error.code === code);
}

/** The system's error code (`ENOSPC`, `ECONNRESET`, ...) of anything thrown, or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
