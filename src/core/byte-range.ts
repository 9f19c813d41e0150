/** Byte offsets, end excluded. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

const SINGLE_RANGE = /^bytes=(\d*)-(\d*)$/i;

/**
 * Reads a `Range` header against a known size.
 *
 * @returns The range; `undefined` when the header is to be ignored (another unit, malformed, reversed, several ranges: RFC 9110
 * §14.2 lets a server ignore it); `"unsatisfiable"` when it is well formed but lies beyond the end (416).
 */
export function parseRange(
  header: string | undefined,
  sizeBytes: number,
): ByteRange | "unsatisfiable" | undefined {
  const match = header === undefined ? null : SINGLE_RANGE.exec(header.trim());
  if (!match) return undefined;
  const [, first = "", last = ""] = match;
  if (first === "") return last === "" ? undefined : suffixRange(Number(last), sizeBytes);
  const start = Number(first);
  const end = last === "" ? sizeBytes : Number(last) + 1;
  if (end <= start && last !== "") return undefined;
  if (start >= sizeBytes) return "unsatisfiable";
  return { start, end: Math.min(end, sizeBytes) };
}

function suffixRange(length: number, sizeBytes: number): ByteRange | "unsatisfiable" {
  if (length === 0 || sizeBytes === 0) return "unsatisfiable";
  return { start: Math.max(0, sizeBytes - length), end: sizeBytes };
}

const CONTENT_RANGE = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/i;

/** A `Content-Range` header read; `range` is absent in the form of a 416, `totalBytes` is absent for `*`. */
export interface ContentRange {
  readonly range?: ByteRange;
  readonly totalBytes?: number;
}

/** @see RFC 9110 §14.4. Returns undefined when absent or malformed. */
export function parseContentRange(header: string | null): ContentRange | undefined {
  const match = CONTENT_RANGE.exec(header ?? "");
  if (!match) return undefined;
  const [, first, last, total] = match;
  return {
    ...(first === undefined ? {} : { range: { start: Number(first), end: Number(last) + 1 } }),
    ...(total === "*" ? {} : { totalBytes: Number(total) }),
  };
}
