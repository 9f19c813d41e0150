import { type ErrorCode, isLarderError, type LarderError } from "../../core/index.ts";
import { REQUEST_ID } from "../exchange.ts";
import { NoRouteError } from "../problem.ts";
import { STATUS_OF } from "../status.ts";

/** The hub's words for what its clients tell apart: they compare codes, and some messages letter by letter. */
const HUB_WORDS: Partial<Record<ErrorCode, (error: LarderError) => { code?: string; message: string }>> = {
  MODEL_NOT_FOUND: () => ({ code: "RepoNotFound", message: "Repository not found" }),
  VERSION_NOT_FOUND: ({ details }) => ({
    code: "RevisionNotFound",
    message: `Invalid rev id: ${details?.["revision"] ?? ""}`,
  }),
  FILE_NOT_FOUND: () => ({ code: "EntryNotFound", message: "Entry not found" }),
  // Without a code, and in these words: any other 401 is taken for a repository that does not exist.
  UNAUTHORIZED: () => ({ message: "Invalid credentials in Authorization header" }),
  FORBIDDEN: ({ message }) => ({ message }),
};

const MESSAGE_LENGTH_MAX = 300;

/**
 * An error as the hub tells it: `X-Error-Code`, `X-Error-Message` and `{"error": …}`.
 *
 * @see huggingface_hub 1.29, `utils/_http.py` (`hf_raise_for_status`); @huggingface/hub 2.17, `error.ts`.
 */
export function hubRefusal(
  error: unknown,
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  if (isLarderError(error)) {
    const words = HUB_WORDS[error.code]?.(error) ?? { code: pascalCase(error.code), message: error.message };
    return answer(STATUS_OF[error.code], words, requestId, { ...headersOf(error), ...headers });
  }
  if (error instanceof NoRouteError) {
    const status = error.allowed.length === 0 ? 404 : 405;
    const allow: Record<string, string> = status === 404 ? {} : { allow: error.allowed.join(", ") };
    return answer(status, { code: "NoRoute", message: error.message }, requestId, { ...allow, ...headers });
  }
  const message = "Cannot answer: something inside went wrong";
  return answer(500, { code: "InternalError", message }, requestId, headers);
}

function answer(
  status: number,
  { code, message }: { readonly code?: string; readonly message: string },
  requestId: string,
  headers: Readonly<Record<string, string>>,
): Response {
  return new Response(JSON.stringify({ error: message }), {
    status,
    headers: {
      "content-type": "application/json; charset=utf-8",
      "cache-control": "no-store",
      ...(code === undefined ? {} : { "x-error-code": code }),
      "x-error-message": headerText(message),
      [REQUEST_ID]: requestId,
      ...headers,
    },
  });
}

function headersOf({ code, retryAfterS, details }: LarderError): Record<string, string> {
  const commit = details?.["commit"];
  return {
    ...(retryAfterS === undefined ? {} : { "retry-after": String(Math.ceil(retryAfterS)) }),
    ...(code === "UNAUTHORIZED" ? { "www-authenticate": 'Bearer realm="larder"' } : {}),
    // Whoever knows the commit may note that the file is not in it.
    ...(code === "FILE_NOT_FOUND" && typeof commit === "string" ? { "x-repo-commit": commit } : {}),
  };
}

/** Names that a client gave may hold anything; a header may hold visible ASCII. */
function headerText(text: string): string {
  return text.slice(0, MESSAGE_LENGTH_MAX).replace(/[^\x20-\x7e]/g, "?");
}

/** `BLOB_REPAIRING` → `BlobRepairing`. */
function pascalCase(code: string): string {
  return code.toLowerCase().replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
