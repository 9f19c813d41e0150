import { ERROR_CODES, type ErrorCode, type ErrorRecord, LarderError, systemCode } from "../core/index.ts";

/** Any host name would do: the socket decides who answers. */
const BASE = "http://localhost";
/** Nobody listens, no such socket (or none that this user may reach), or the owner went while it answered. */
const GONE_CODES = new Set([
  ...["ECONNREFUSED", "ENOENT", "ENOTDIR", "ENAMETOOLONG", "EACCES"],
  ...["ECONNRESET", "EPIPE", "ConnectionClosed"],
]);

export interface Ask {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One request to the owner of the home over its socket.
 *
 * @throws {LarderError} What the owner answered, by code; SHUTTING_DOWN when it is gone.
 */
export async function askOwner(socketPath: string, path: string, ask: Ask = {}): Promise<Response> {
  const response = await send(socketPath, path, ask);
  if (response.ok) return response;
  throw problemOf(response.status, await response.text().catch(() => ""));
}

async function send(socketPath: string, path: string, ask: Ask): Promise<Response> {
  const { method = "GET", query = {}, body, accept = "application/json", signal } = ask;
  const url = new URL(path, BASE);
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(key, String(value));
  }
  try {
    return await fetch(url, {
      method,
      unix: socketPath,
      headers: { accept, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
      // Making a view or an answer may take longer than the runtime's own limit for a quiet connection.
      timeout: false,
    } as BunFetchRequestInit);
  } catch (error) {
    throw isGone(error) ? ownerGone(error) : error;
  }
}

export function isGone(error: unknown): boolean {
  return GONE_CODES.has(systemCode(error) ?? "");
}

export function ownerGone(cause?: unknown): LarderError {
  return new LarderError("SHUTTING_DOWN", "Cannot reach the running larder any more: it has stopped", {
    retryable: true,
    hint: "What was fetched stays: run the same command again to go on.",
    cause,
  });
}

const KNOWN = new Set<string>(ERROR_CODES);

interface Problem {
  readonly code?: unknown;
  readonly detail?: unknown;
  readonly title?: unknown;
  readonly retryable?: unknown;
  readonly hint?: unknown;
  readonly field?: unknown;
  readonly retry_after_s?: unknown;
  readonly details?: unknown;
}

/** An `application/problem+json` answer as the error that the owner threw. */
export function problemOf(status: number, text: string): Error {
  const problem = parseProblem(text);
  if (typeof problem.code !== "string" || !KNOWN.has(problem.code)) {
    return new Error(`The running larder answered ${status} ${text.slice(0, 200)}`);
  }
  const record: ErrorRecord = {
    code: problem.code as ErrorCode,
    message: String(problem.detail ?? problem.title ?? problem.code),
    retryable: problem.retryable === true,
    ...(typeof problem.hint === "string" ? { hint: problem.hint } : {}),
    ...(typeof problem.field === "string" ? { field: problem.field } : {}),
    ...(typeof problem.retry_after_s === "number" ? { retry_after_s: problem.retry_after_s } : {}),
    ...(isRecord(problem.details) ? { details: problem.details } : {}),
  };
  return LarderError.fromRecord(record);
}

function parseProblem(text: string): Problem {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : {};
  } catch {
    // Not JSON: the caller shows the status and the text.
    return {};
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
