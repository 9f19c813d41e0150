import { type ErrorCode, isLarderError, type LarderError } from "../core/index.ts";
import { REQUEST_ID } from "./exchange.ts";
import { STATUS_OF } from "./status.ts";

/** Codes that only this listener has. */
type HttpCode = "INTERNAL" | "ROUTE_NOT_FOUND" | "METHOD_NOT_ALLOWED";

/** An address or method that no route has. */
export class NoRouteError extends Error {
  /** @param allowed The methods that the address does have. */
  constructor(readonly allowed: readonly string[]) {
    super(allowed.length === 0 ? "Cannot find this address" : "Cannot use this method on this address");
  }
}

/**
 * An error as `application/problem+json`. Anything but a {@link LarderError} is a bug: the client learns only that.
 *
 * @see RFC 9457
 */
export function problemResponse(
  error: unknown,
  requestId: string,
  headers: Record<string, string> = {},
): Response {
  if (isLarderError(error)) {
    const { code, message, ...rest } = error.toRecord();
    return answer(STATUS_OF[code], code, message, requestId, rest, { ...headersOf(error), ...headers });
  }
  if (error instanceof NoRouteError) return noRoute(error, requestId);
  return answer(500, "INTERNAL", "Cannot answer: something inside went wrong", requestId, {
    retryable: false,
    hint: "Look for the request id in the log of the server.",
  }, headers);
}

function noRoute({ message, allowed }: NoRouteError, requestId: string): Response {
  if (allowed.length === 0) {
    return answer(404, "ROUTE_NOT_FOUND", message, requestId, { retryable: false });
  }
  const allow = allowed.join(", ");
  return answer(405, "METHOD_NOT_ALLOWED", message, requestId, {
    retryable: false,
    hint: `Allowed: ${allow}.`,
  }, {
    allow,
  });
}

function answer(
  status: number,
  code: ErrorCode | HttpCode,
  detail: string,
  requestId: string,
  members: Readonly<Record<string, unknown>>,
  headers: Record<string, string> = {},
): Response {
  const type = `urn:larder:problem:${code.toLowerCase().replaceAll("_", "-")}`;
  const problem = { type, title: titleOf(code), status, detail, code, ...members, request_id: requestId };
  return new Response(JSON.stringify(problem), {
    status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      [REQUEST_ID]: requestId,
      ...headers,
    },
  });
}

function headersOf({ code, retryAfterS }: LarderError): Record<string, string> {
  return {
    ...(retryAfterS === undefined ? {} : { "retry-after": String(Math.ceil(retryAfterS)) }),
    ...(code === "UNAUTHORIZED" ? { "www-authenticate": 'Bearer realm="larder"' } : {}),
  };
}

/** `MODEL_NOT_FOUND` → `Model not found`. */
function titleOf(code: string): string {
  return code.charAt(0) + code.slice(1).toLowerCase().replaceAll("_", " ");
}
