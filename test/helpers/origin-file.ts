import type { Exchange, OriginRequest } from "./origin-exchange.ts";

/** What an address holds: bytes, or a file on disk (`Bun.file`) where memory matters. */
export interface OriginFile {
  readonly content: Uint8Array | Blob;
  /** With its quotes, and `W/` for a weak one. */
  readonly etag: string | undefined;
  readonly ranges: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** Any but 200 leaves out ranges: the content is then the body of this answer, such as an error. */
  readonly status?: number;
}

/** The right answer to a request for a file. Offsets of `read` count from the start of the body. */
export interface AnswerPlan {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Where the body starts in the file. */
  readonly start: number;
  /** Of the body. */
  readonly sizeBytes: number;
  /** Of the file. */
  readonly totalBytes: number;
  read(from: number, to: number): Promise<Uint8Array>;
}

/** @see RFC 9110 §13.1.5 (If-Range: a weak tag never matches), §14.2, §15.5.17. */
export function planAnswer(request: OriginRequest, file: OriginFile, ignoreRange = false): AnswerPlan {
  const total = file.content instanceof Blob ? file.content.size : file.content.length;
  const shared = {
    ...(file.etag === undefined ? {} : { ETag: file.etag }),
    ...(file.ranges ? { "Accept-Ranges": "bytes" } : {}),
    ...file.headers,
  };
  const { status = 200 } = file;
  const range = status === 200 && file.ranges && !ignoreRange && ifRangeHolds(request, file)
    ? wanted(request, total)
    : undefined;
  if (range === "beyond") {
    const headers = { ...shared, "Content-Range": `bytes */${total}`, "Content-Length": "0" };
    return {
      status: 416,
      headers,
      start: 0,
      sizeBytes: 0,
      totalBytes: total,
      read: async () => new Uint8Array(),
    };
  }
  const { start, end } = range ?? { start: 0, end: total };
  const length = status === 304 ? {} : { "Content-Length": String(end - start) }; // it would count the body of a 200
  return {
    status: range ? 206 : status,
    headers: {
      ...shared,
      ...length,
      ...(range ? { "Content-Range": `bytes ${start}-${end - 1}/${total}` } : {}),
    },
    start,
    sizeBytes: end - start,
    totalBytes: total,
    read: (from, to) => readContent(file.content, start + from, start + to),
  };
}

const STEP_BYTES = 1024 * 1024;

/** Sends the answer, a MiB at a time. */
export async function serveFile(exchange: Exchange, plan: AnswerPlan): Promise<void> {
  await exchange.head(plan.status, plan.headers);
  if (exchange.request.method === "HEAD") return;
  for (let at = 0; at < plan.sizeBytes; at += STEP_BYTES) {
    await exchange.write(await plan.read(at, Math.min(at + STEP_BYTES, plan.sizeBytes)));
  }
}

async function readContent(content: Uint8Array | Blob, from: number, to: number): Promise<Uint8Array> {
  return content instanceof Blob ? await content.slice(from, to).bytes() : content.subarray(from, to);
}

function ifRangeHolds(request: OriginRequest, file: OriginFile): boolean {
  const condition = request.headers.get("if-range");
  return condition === undefined || (condition === file.etag && !condition.startsWith("W/"));
}

function wanted(
  request: OriginRequest,
  total: number,
): { start: number; end: number } | "beyond" | undefined {
  const range = request.range;
  if (request.method !== "GET" || range === undefined) return undefined;
  if (range.start === undefined) {
    return range.end === undefined ? undefined : { start: Math.max(0, total - range.end), end: total };
  }
  if (range.start >= total) return "beyond";
  return { start: range.start, end: Math.min(range.end ?? total, total) };
}
