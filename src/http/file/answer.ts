import { type ByteRange, LarderError, parseRange } from "../../core/index.ts";
import type { ServedFile } from "../../library/index.ts";
import { type BodyCache, MEMORY_BODY_BYTES_MAX } from "./body-cache.ts";

export type FileBody = (range: ByteRange) => Blob | Uint8Array<ArrayBuffer>;

export interface FileQuestion {
  readonly method: string;
  /** Of the request: `If-None-Match` and `If-Range` count. */
  readonly conditions: Pick<Headers, "get">;
  /** The header `Range`, as far as it is to count. */
  readonly range: string | null;
  readonly sizeBytes: number;
  readonly body: FileBody;
  /** The file's path inside its version. */
  readonly path: string;
  /** Strong, with its quotes. */
  readonly etag: string;
  /** Sent with every answer but a refusal. */
  readonly headers: Readonly<Record<string, string>>;
  /** Answers in the words of the caller's dialect. */
  readonly refuse: (error: LarderError, headers: Record<string, string>) => Response;
}

export interface FileAnswer {
  readonly response: Response;
  /** Of the file; what a HEAD leaves out does not count. */
  readonly bytes: number;
}

/**
 * One file, or one range of it. Several ranges, other units and malformed ranges are ignored, so the work is bounded.
 *
 * @see RFC 9110 §13.2.2 for the order of the conditions, §14.2 for ranges.
 */
export function answerFile(question: FileQuestion): FileAnswer {
  const { method, conditions, sizeBytes, body, etag } = question;
  const noneMatch = conditions.get("if-none-match");
  if (noneMatch !== null && matches(noneMatch, etag)) return notModified(question);
  if (method === "HEAD") return head(question);
  const range = rangeOf(question);
  if (range === "unsatisfiable") return unsatisfiable(question);
  const init = { status: range ? 206 : 200, headers: headersOf(question) };
  if (range) init.headers["content-range"] = `bytes ${range.start}-${range.end - 1}/${sizeBytes}`;
  const { start, end } = range ?? { start: 0, end: sizeBytes };
  return { response: new Response(body({ start, end }), init), bytes: end - start };
}

/** A blob's bytes: small ones from memory, others sent by the kernel. */
export function blobBody(
  served: Pick<ServedFile, "digest" | "sizeBytes" | "path">,
  cache: BodyCache,
): FileBody {
  return (range) => {
    if (range.end - range.start <= MEMORY_BODY_BYTES_MAX) return cache.body(served, range);
    // A slice even of the whole: it pins the length that the headers promise.
    return Bun.file(served.path).slice(range.start, range.end);
  };
}

/** Not `public`: a shared cache must not hand to strangers what a token opened. */
export function cacheControl(isImmutable: boolean): string {
  return isImmutable ? "max-age=31536000, immutable" : "no-cache";
}

/** Weak comparison, as If-None-Match has it. */
function matches(header: string, etag: string): boolean {
  if (header.trim() === "*") return true;
  return header.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}

function rangeOf(
  { conditions, range, etag, sizeBytes }: FileQuestion,
): ByteRange | "unsatisfiable" | undefined {
  if (range === null) return undefined;
  const condition = conditions.get("if-range");
  // Strong comparison; a date never matches, for we name no date.
  return condition === null || condition === etag ? parseRange(range, sizeBytes) : undefined;
}

function headersOf({ headers, path, etag }: FileQuestion): Record<string, string> {
  return {
    ...headers,
    "content-type": "application/octet-stream",
    "content-disposition": disposition(path),
    "x-content-type-options": "nosniff",
    "accept-ranges": "bytes",
    etag,
  };
}

/** @see RFC 8187 §3.2.1: what `encodeURIComponent` leaves and a parameter may not hold is encoded too. */
function disposition(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const safe = PLAIN_NAME.test(name) ? name : encodeURIComponent(name).replace(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename*=UTF-8''${safe}`;
}

const PLAIN_NAME = /^[A-Za-z0-9._-]+$/;

function notModified({ headers, etag }: FileQuestion): FileAnswer {
  return { response: new Response(null, { status: 304, headers: { ...headers, etag } }), bytes: 0 };
}

/** Built by hand: taken from a response with a body, the length would be that of the missing body. */
function head(question: FileQuestion): FileAnswer {
  const headers = headersOf(question);
  headers["content-length"] = String(question.sizeBytes);
  return { response: new Response(null, { headers }), bytes: 0 };
}

function unsatisfiable({ sizeBytes, refuse }: FileQuestion): FileAnswer {
  const error = new LarderError("RANGE_NOT_SATISFIABLE", `Cannot give this range of ${sizeBytes} bytes`, {
    field: "range",
    hint: "Ask for a range that starts before the end.",
  });
  return { response: refuse(error, { "content-range": `bytes */${sizeBytes}` }), bytes: 0 };
}
