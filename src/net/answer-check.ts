import { protocolError } from "./failures.ts";

/** Names and values together. Real servers send a few KiB, content security policies included. */
const HEADER_BYTES_MAX = 64 * 1024;

/**
 * Refuses an answer whose head leaves open where its body ends, or that nobody can have meant. The body is cancelled.
 *
 * @see RFC 9112 §6.3: a Content-Length that is repeated or stands beside Transfer-Encoding is a smuggling attempt or an error.
 * @throws {LarderError} UPSTREAM_PROTOCOL
 */
export async function checkAnswer(origin: string, response: Response): Promise<void> {
  const fault = answerFault(response);
  if (fault === undefined) return;
  await discard(response);
  throw protocolError(origin, fault);
}

function answerFault({ status, headers }: Response): string | undefined {
  const length = headers.get("content-length");
  if (status < 200 || status > 599) return `status ${status}`;
  if (length !== null && !/^\d{1,15}$/.test(length)) return "Content-Length is not one number";
  if (length !== null && headers.has("transfer-encoding")) {
    return "Content-Length and Transfer-Encoding together";
  }
  let bytes = 0;
  for (const [name, value] of headers) bytes += name.length + value.length;
  return bytes > HEADER_BYTES_MAX ? "too many headers" : undefined;
}

/** Gives up a body that nobody will read. */
export async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => {}); // the connection is gone already: nothing is left to give up
}
