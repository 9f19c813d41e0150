import { type Digest, DIGEST_BYTES, digestFromBytes, digestToBytes } from "../core/index.ts";

/*
 * The journal of a part, beside it on disk: one line of JSON, then records of 44 bytes:
 *   0  kind: 1 written, 2 hashed, 3 begun, 4 boot    1  zeros    4  chunk index, u32 LE
 *   8  hashed: the digest, 32 bytes; begun: bytes written from the start of the chunk, u32 LE; boot: its digest, 32 bytes
 *  40  CRC-32 of 0..40
 * Records are only appended, each by one write: a kill leaves a prefix. Nothing is flushed, so after a power cut the journal may
 * claim chunks whose bytes were lost: that is why the boot is noted, and why hashed chunks are checked again on the way. What was
 * merely written before another boot counts for nothing.
 */

export const RECORD_BYTES = 44;
const HEADER_BYTES_MAX = 8192;
const CRC_OFFSET = 40;
const WRITTEN = 1;
const HASHED = 2;
const BEGUN = 3;
const BOOT = 4;
const PAYLOAD_OFFSET = 8;
const STRONG_TAG = /^"[^"\x00-\x1f\x7f]*"$/;
const BOOT_DIGEST = /^[0-9a-f]{64}$/;

/** What must be the same upstream for the chunks to belong together. */
export interface JournalHeader {
  readonly version: 1;
  readonly totalBytes: number;
  /** Strong, with its quotes; absent when the server gave none. */
  readonly etag?: string;
  /** The mirror that `etag` is of, without secrets. */
  readonly mirror: string;
  /** Digest of the kernel's boot id, where there is one. */
  readonly boot?: Digest;
}

export interface Journal {
  readonly header: JournalHeader;
  /** How far it is right. */
  readonly sizeBytes: number;
  /** The boot that `written` and `begun` belong to. */
  readonly boot: Digest | undefined;
  /** Chunks whose bytes were handed to the kernel. */
  readonly written: ReadonlySet<number>;
  readonly hashed: ReadonlyMap<number, Digest>;
  /** Bytes at the start of chunks that are not whole yet. */
  readonly begun: ReadonlyMap<number, number>;
}

export function encodeHeader(header: JournalHeader): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(header)}\n`);
}

/** The record of a chunk that is written, or of one that is also hashed. */
export function encodeRecord(index: number, digest?: Digest): Uint8Array {
  return digest === undefined
    ? record(WRITTEN, index, () => {})
    : record(HASHED, index, (bytes) => bytes.set(digestToBytes(digest), PAYLOAD_OFFSET));
}

/** The record of a chunk that is written up to here. */
export function encodeBegun(index: number, writtenBytes: number): Uint8Array {
  return record(BEGUN, index, (_bytes, view) => view.setUint32(PAYLOAD_OFFSET, writtenBytes, true));
}

/** The record that a process of another boot goes on from here. */
export function encodeBoot(boot: Digest): Uint8Array {
  return record(BOOT, 0, (bytes) => bytes.set(digestToBytes(boot), PAYLOAD_OFFSET));
}

function record(kind: number, index: number, fill: (bytes: Uint8Array, view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = kind;
  view.setUint32(4, index, true);
  fill(bytes, view);
  view.setUint32(CRC_OFFSET, Bun.hash.crc32(bytes.subarray(0, CRC_OFFSET)), true);
  return bytes;
}

/** Reads a journal up to the first byte that is not right; undefined when not even the header is. */
export function decodeJournal(bytes: Uint8Array): Journal | undefined {
  const lineEnd = bytes.subarray(0, HEADER_BYTES_MAX).indexOf(10);
  const header = lineEnd < 0 ? undefined : decodeHeader(bytes.subarray(0, lineEnd));
  if (header === undefined) return undefined;
  const journal = new JournalReader(header, lineEnd + 1);
  for (let at = lineEnd + 1; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
    if (!journal.add(bytes.subarray(at, at + RECORD_BYTES))) break;
  }
  return journal;
}

class JournalReader implements Journal {
  boot: Digest | undefined;
  readonly written = new Set<number>();
  readonly hashed = new Map<number, Digest>();
  readonly begun = new Map<number, number>();

  constructor(readonly header: JournalHeader, public sizeBytes: number) {
    this.boot = header.boot;
  }

  /** False for a record that is not right. */
  add(record: Uint8Array): boolean {
    const view = new DataView(record.buffer, record.byteOffset, RECORD_BYTES);
    if (view.getUint32(CRC_OFFSET, true) !== Bun.hash.crc32(record.subarray(0, CRC_OFFSET))) return false;
    const index = view.getUint32(4, true);
    const digest = () => digestFromBytes(record.subarray(PAYLOAD_OFFSET, PAYLOAD_OFFSET + DIGEST_BYTES));
    if (record[0] === WRITTEN) this.written.add(index);
    else if (record[0] === HASHED) this.hashed.set(index, digest());
    else if (record[0] === BEGUN) this.begun.set(index, view.getUint32(PAYLOAD_OFFSET, true));
    else if (record[0] === BOOT) this.#enter(digest());
    else return false;
    this.sizeBytes += RECORD_BYTES;
    return true;
  }

  #enter(boot: Digest): void {
    this.boot = boot;
    this.written.clear();
    this.begun.clear();
  }
}

function decodeHeader(line: Uint8Array): JournalHeader | undefined {
  try {
    const header: unknown = JSON.parse(new TextDecoder().decode(line));
    return isHeader(header) ? header : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isHeader(value: unknown): value is JournalHeader {
  const header = value as Partial<Record<keyof JournalHeader, unknown>> | null;
  return header?.version === 1 && Number.isSafeInteger(header.totalBytes) && Number(header.totalBytes) >= 0 &&
    typeof header.mirror === "string" && isOptional(header.etag, STRONG_TAG) &&
    isOptional(header.boot, BOOT_DIGEST);
}

function isOptional(value: unknown, pattern: RegExp): boolean {
  return value === undefined || (typeof value === "string" && pattern.test(value));
}
