import { type ErrorCode, isLarderError, type LarderError } from "../../core/index.ts";
import { REQUEST_ID } from "../exchange.ts";
import { NoRouteError } from "../problem.ts";
import { STATUS_OF } from "../status.ts";

/** What this dialect says otherwise than the rest of the house. */
interface Words {
  readonly status?: number;
  readonly code?: string;
  readonly param?: string;
}

const NO_MODEL: Words = { code: "model_not_found", param: "model" };
const TOO_MANY: Words = { status: 429, code: "rate_limit_exceeded" };

/** The words that clients of this dialect know. A code without a line here goes out in lower case, with the status of all routes. */
const WORDS: Partial<Record<ErrorCode, Words>> = {
  BAD_BODY: { code: "invalid_value" },
  MODEL_NOT_FOUND: NO_MODEL,
  VERSION_NOT_FOUND: NO_MODEL,
  VARIANT_NOT_FOUND: NO_MODEL,
  REPO_NOT_FOUND: NO_MODEL,
  REVISION_NOT_FOUND: NO_MODEL,
  // The model is one that cannot do this: for these clients a bad request, as a wrong field is.
  NOT_SUPPORTED: { status: 400, code: "unsupported_value", param: "model" },
  MODEL_QUEUE_FULL: TOO_MANY,
  TOO_MANY,
  UNAUTHORIZED: { code: "invalid_api_key" },
};

const TYPES: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  429: "rate_limit_error",
};

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly param?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * An error as the dialect's clients read it. Anything but a {@link LarderError} and a NoRouteError is a bug: the client learns only that.
 *
 * @see openai 7.57 for Node: the class of an error comes from its status (`core/error`), whether it is tried again from
 * `x-should-retry` and `retry-after` (`client`).
 */
export function openaiRefusal(error: unknown, requestId: string): Response {
  const refusal = refusalOf(error);
  return new Response(JSON.stringify(bodyOf(refusal)), {
    status: refusal.status,
    headers: {
      "content-type": "application/json",
      "cache-control": "no-store",
      [REQUEST_ID]: requestId,
      ...refusal.headers,
    },
  });
}

/** For a stream that is under way: its status has been sent. */
export function errorBody(error: unknown): object {
  return bodyOf(refusalOf(error));
}

function bodyOf({ status, code, message, param = undefined, details }: Refusal): object {
  const type = TYPES[status] ?? (status < 500 ? "invalid_request_error" : "server_error");
  // What is beside the four is ours: how far a load is, for example.
  return {
    error: { message, type, param: param ?? null, code, ...(details === undefined ? {} : { details }) },
  };
}

function refusalOf(error: unknown): Refusal {
  if (isLarderError(error)) return known(error);
  if (error instanceof NoRouteError) return noRoute(error);
  return {
    status: 500,
    code: "internal_error",
    message: "Cannot answer: something inside went wrong",
    headers: { "x-should-retry": "false" },
  };
}

function known(error: LarderError): Refusal {
  const { code, message, hint, details } = error;
  const words = WORDS[code];
  return {
    status: words?.status ?? STATUS_OF[code],
    code: words?.code ?? code.toLowerCase(),
    message: hint === undefined ? message : `${message}. ${hint}`,
    param: error.field ?? words?.param,
    details,
    headers: headersOf(error),
  };
}

function headersOf({ code, retryable, retryAfterS }: LarderError): Record<string, string> {
  return {
    "x-should-retry": String(retryable),
    ...(retryAfterS === undefined ? {} : { "retry-after": String(Math.ceil(retryAfterS)) }),
    ...(code === "UNAUTHORIZED" ? { "www-authenticate": 'Bearer realm="larder"' } : {}),
  };
}

function noRoute({ message, allowed }: NoRouteError): Refusal {
  if (allowed.length === 0) return { status: 404, code: "unknown_url", message };
  const allow = allowed.join(", ");
  return {
    status: 405,
    code: "method_not_allowed",
    message: `${message}. Allowed: ${allow}.`,
    headers: { allow },
  };
}
