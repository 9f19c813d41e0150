import { isLarderError } from "../../core/index.ts";
import { REQUEST_ID } from "../exchange.ts";
import { NoRouteError } from "../problem.ts";
import { STATUS_OF } from "../status.ts";

/**
 * An error in the protocol's form: a status of HTTP and `{"error": …}`; beside it our code, and what a program can use, such as how far
 * a load is.
 */
export function kserveRefusal(error: unknown, requestId: string): Response {
  if (isLarderError(error)) {
    const { code, hint, details, retryAfterS } = error;
    return answer(requestId, STATUS_OF[code], {
      error: hint === undefined ? error.message : `${error.message}. ${hint}`,
      code,
      ...(details === undefined ? {} : { details }),
    }, {
      ...(retryAfterS === undefined ? {} : { "retry-after": String(Math.ceil(retryAfterS)) }),
      ...(code === "UNAUTHORIZED" ? { "www-authenticate": 'Bearer realm="larder"' } : {}),
    });
  }
  if (error instanceof NoRouteError) return noRoute(error, requestId);
  return answer(requestId, 500, { error: "Cannot answer: something inside went wrong", code: "INTERNAL" });
}

function noRoute({ message, allowed }: NoRouteError, requestId: string): Response {
  if (allowed.length === 0) return answer(requestId, 404, { error: message, code: "ROUTE_NOT_FOUND" });
  return answer(requestId, 405, { error: message, code: "METHOD_NOT_ALLOWED" }, {
    allow: allowed.join(", "),
  });
}

function answer(
  requestId: string,
  status: number,
  body: { readonly error: string; readonly code: string; readonly details?: unknown },
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      "content-type": "application/json",
      "cache-control": "no-store",
      [REQUEST_ID]: requestId,
      ...headers,
    },
  });
}
