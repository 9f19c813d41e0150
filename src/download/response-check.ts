import { type ByteRange, LarderError, parseContentRange } from "../core/index.ts";
import { type NetResponse, statusError } from "../net/index.ts";

/** What an answer offers, once its headers are found right. */
export interface Offer {
  /** Where its first byte belongs. */
  readonly start: number;
  /** Where a range ends; absent when the answer is the whole file. */
  readonly end?: number;
  /** Absent when the server does not say. */
  readonly totalBytes?: number;
  /** Strong, with quotes. */
  readonly etag?: string;
  /** Whether the server has ranges; undefined while nobody asked for one. */
  readonly ranges: boolean | undefined;
  /** Only the end of the connection shows the end of the body, and a cut looks the same. */
  readonly endsByClose: boolean;
}

/**
 * Checks status, encoding, range and tag of an answer before a byte of it is taken.
 *
 * @param asked The range that was asked for; undefined when the whole file was.
 * @throws {LarderError} UPSTREAM_*, RANGE_MISMATCH
 */
export function checkResponse(
  { status, headers }: Pick<NetResponse, "status" | "headers">,
  asked: ByteRange | undefined,
  nowS: number,
): Offer {
  if (status === 416 && asked) return emptyOffer(headers, asked);
  if (status !== 200 && status !== 206) throw statusError(status, headers, nowS);
  const encoding = headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    throw protocol(`the server sent a ${encoding.slice(0, 20)} encoding that was not asked for`);
  }
  const etag = strongTag(headers.get("etag"));
  const offer = status === 206 ? rangeOffer(headers, asked) : wholeOffer(headers, asked);
  return etag === undefined ? offer : { ...offer, etag };
}

function wholeOffer(headers: Headers, asked: ByteRange | undefined): Offer {
  const length = headers.get("content-length");
  if (length !== null && !/^\d{1,15}$/.test(length)) throw protocol("the Content-Length is not a number");
  const isRefused = asked !== undefined || headers.get("accept-ranges")?.toLowerCase() === "none";
  return {
    start: 0,
    ranges: isRefused ? false : undefined,
    endsByClose: length === null && headers.get("transfer-encoding") === null,
    ...(length === null ? {} : { totalBytes: Number(length) }),
  };
}

function rangeOffer(headers: Headers, asked: ByteRange | undefined): Offer {
  if (asked === undefined) throw protocol("the server sent a part though the whole was asked for");
  if (headers.get("content-type")?.toLowerCase().startsWith("multipart/")) {
    throw rangeMismatch("the server sent several parts in one answer");
  }
  const given = parseContentRange(headers.get("content-range"));
  if (given?.range === undefined) throw rangeMismatch("the server sent a part without saying which");
  const { start, end } = given.range;
  if (start !== asked.start || end <= start || end > asked.end) {
    throw rangeMismatch(`asked for bytes ${asked.start}-${asked.end}, the server sent ${start}-${end}`);
  }
  if (given.totalBytes === undefined) throw rangeMismatch("the server does not say how long the file is");
  if (end > given.totalBytes) throw rangeMismatch("the server sent a range beyond the end of its file");
  return { start, end, ranges: true, totalBytes: given.totalBytes, endsByClose: false };
}

/** 416: the file ends before what was asked for; its length stands in Content-Range. */
function emptyOffer(headers: Headers, asked: ByteRange): Offer {
  const totalBytes = parseContentRange(headers.get("content-range"))?.totalBytes;
  if (totalBytes === undefined) throw rangeMismatch(`the server has nothing from byte ${asked.start} on`);
  return { start: totalBytes, end: totalBytes, totalBytes, ranges: true, endsByClose: false };
}

/** Weak tags say nothing of bytes. */
function strongTag(tag: string | null): string | undefined {
  return tag !== null && /^"[^"]*"$/.test(tag) ? tag : undefined;
}

function protocol(what: string): LarderError {
  return new LarderError("UPSTREAM_PROTOCOL", `Cannot use the server's answer: ${what}`, {
    hint: "Name a mirror that serves the plain file.",
  });
}

function rangeMismatch(what: string): LarderError {
  return new LarderError("RANGE_MISMATCH", `Cannot join the server's answer to what is there: ${what}`, {
    retryable: true,
    hint: "Name a mirror that answers ranges as asked.",
  });
}
