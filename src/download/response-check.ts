import { type ByteRange, LarderError, parseContentRange } from "../core/index.ts";
import { type NetResponse, statusError } from "../net/index.ts";

/** What an answer offers, once its headers are found right. */
export interface Offer {
  /** Where its first byte belongs. */
  readonly start: number;
  /** Absent when the server does not say. */
  readonly totalBytes?: number;
  /** Strong, with quotes. */
  readonly etag?: string;
  /** The server answered a range with a range. */
  readonly ranges: boolean;
}

/**
 * Checks status, encoding, range and tag of an answer before a byte of it is taken.
 *
 * @param asked The range that was asked for; undefined when the whole file was.
 * @throws {LarderError} UPSTREAM_*, RANGE_MISMATCH
 */
export function checkResponse(response: NetResponse, asked: ByteRange | undefined, nowS: number): Offer {
  const { status, headers } = response;
  if (status === 416 && asked) return emptyOffer(response, asked);
  if (status !== 200 && status !== 206) throw statusError(status, headers, nowS);
  const encoding = headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    throw protocol(`the server sent a ${encoding.slice(0, 20)} encoding that was not asked for`);
  }
  const etag = strongTag(headers.get("etag"));
  const tag = etag === undefined ? {} : { etag };
  if (status === 206) return { ...tag, ...rangeOffer(headers, asked) };
  const length = headers.get("content-length");
  if (length !== null && !/^\d{1,15}$/.test(length)) throw protocol("the Content-Length is not a number");
  return { ...tag, start: 0, ranges: false, ...(length === null ? {} : { totalBytes: Number(length) }) };
}

function rangeOffer(headers: Headers, asked: ByteRange | undefined): Omit<Offer, "etag"> {
  if (asked === undefined) throw protocol("the server sent a part though the whole was asked for");
  if (headers.get("content-type")?.toLowerCase().startsWith("multipart/")) {
    throw rangeMismatch("the server sent several parts in one answer");
  }
  const given = parseContentRange(headers.get("content-range"));
  if (given?.range === undefined) throw rangeMismatch("the server sent a part without saying which");
  if (given.range.start !== asked.start || given.range.end > asked.end) {
    throw rangeMismatch(
      `asked for bytes from ${asked.start}, the server sent bytes from ${given.range.start}`,
    );
  }
  if (given.totalBytes === undefined) throw rangeMismatch("the server does not say how long the file is");
  return { start: given.range.start, ranges: true, totalBytes: given.totalBytes };
}

/** 416: the file ends before what was asked for; its length stands in Content-Range. */
function emptyOffer(response: NetResponse, asked: ByteRange): Offer {
  const totalBytes = parseContentRange(response.headers.get("content-range"))?.totalBytes;
  if (totalBytes === undefined) throw rangeMismatch(`the server has nothing from byte ${asked.start} on`);
  return { start: totalBytes, totalBytes, ranges: true };
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
    hint: "Name a mirror that answers ranges as asked.",
  });
}
