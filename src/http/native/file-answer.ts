import { type ByteRange, LarderError, parseRange } from "../../core/index.ts";
import type { ServedFile } from "../../library/index.ts";
import { REQUEST_ID } from "../exchange.ts";
import { problemResponse } from "../problem.ts";
import { type BodyCache, MEMORY_BODY_BYTES_MAX } from "./body-cache.ts";

export interface FileQuestion {
  readonly request: Request;
  readonly requestId: string;
  readonly served: ServedFile;
  /** The file's path inside its version. */
  readonly path: string;
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
export function answerFile(question: FileQuestion, cache: BodyCache): FileAnswer {
  const { request: { headers, method }, served } = question;
  const etag = `"${served.digest}"`;
  const noneMatch = headers.get("if-none-match");
  if (noneMatch !== null && matches(noneMatch, etag)) return notModified(question, etag);
  const whole = { start: 0, end: served.sizeBytes };
  if (method === "HEAD") return head(question, etag);
  const range = rangeOf(headers, etag, served.sizeBytes);
  if (range === "unsatisfiable") return unsatisfiable(question);
  const init = { status: range ? 206 : 200, headers: headersOf(question, etag) };
  if (range) init.headers["content-range"] = `bytes ${range.start}-${range.end - 1}/${served.sizeBytes}`;
  const { start, end } = range ?? whole;
  return { response: new Response(bodyOf(served, { start, end }, cache), init), bytes: end - start };
}

function bodyOf(served: ServedFile, range: ByteRange, cache: BodyCache) {
  if (range.end - range.start <= MEMORY_BODY_BYTES_MAX) return cache.body(served, range);
  // A slice even of the whole: it pins the length that the headers promise.
  return Bun.file(served.path).slice(range.start, range.end);
}

function rangeOf(headers: Headers, etag: string, sizeBytes: number): ByteRange | "unsatisfiable" | undefined {
  const range = headers.get("range");
  if (range === null) return undefined;
  const condition = headers.get("if-range");
  // Strong comparison; a date never matches, for we name no date.
  return condition === null || condition === etag ? parseRange(range, sizeBytes) : undefined;
}

/** Weak comparison, as If-None-Match has it. */
function matches(header: string, etag: string): boolean {
  if (header.trim() === "*") return true;
  return header.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}

function headersOf({ served, path, requestId }: FileQuestion, etag: string): Record<string, string> {
  return {
    [REQUEST_ID]: requestId,
    "content-type": "application/octet-stream",
    "content-disposition": disposition(path),
    "x-content-type-options": "nosniff",
    "accept-ranges": "bytes",
    "cache-control": cacheControl(served),
    etag,
  };
}

/** Not `public`: a shared cache must not hand to strangers what a token opened. */
function cacheControl({ immutable }: ServedFile): string {
  return immutable ? "max-age=31536000, immutable" : "no-cache";
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

function notModified({ served, requestId }: FileQuestion, etag: string): FileAnswer {
  const headers = { [REQUEST_ID]: requestId, etag, "cache-control": cacheControl(served) };
  return { response: new Response(null, { status: 304, headers }), bytes: 0 };
}

/** Built by hand: taken from a response with a body, the length would be that of the missing body. */
function head(question: FileQuestion, etag: string): FileAnswer {
  const headers = headersOf(question, etag);
  headers["content-length"] = String(question.served.sizeBytes);
  return { response: new Response(null, { headers }), bytes: 0 };
}

function unsatisfiable({ served: { sizeBytes }, requestId }: FileQuestion): FileAnswer {
  const error = new LarderError("RANGE_NOT_SATISFIABLE", `Cannot give this range of ${sizeBytes} bytes`, {
    field: "range",
    hint: "Ask for a range that starts before the end.",
  });
  return {
    response: problemResponse(error, requestId, { "content-range": `bytes */${sizeBytes}` }),
    bytes: 0,
  };
}
