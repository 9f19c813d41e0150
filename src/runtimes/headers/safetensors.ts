import type { ByteReader } from "./byte-reader.ts";
import { Cursor } from "./cursor.ts";
import { broken, shown, unsupported } from "./fault.ts";
import { isSpace, JsonEndError, JsonScan } from "./json-scan.ts";
import { dtypeBits } from "./safetensors-types.ts";

/** What one safetensors file holds. */
export interface SafetensorsHeader {
  /** In the order of their bytes. */
  readonly tensors: readonly SafeTensor[];
  readonly weightBytes: number;
}

export interface SafeTensor {
  readonly name: string;
  /** As the format spells it: `BF16`. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** In the file. */
  readonly start: number;
  readonly sizeBytes: number;
}

const LENGTH_BYTES = 8;
/** The format's own limit. */
const HEADER_BYTES_MAX = 100_000_000;
/** More than the largest models have in all their files together. */
const TENSORS_MAX = 2 ** 18;
const RANK_MAX = 64;
const METADATA = "__metadata__";
const METADATA_KEYS_MAX = 2 ** 16;
const BRACE = 0x7b;
/** Metadata of trainers can be megabytes in one string; an entry of a tensor has about 120 bytes. */
const PIECE_BYTES_MIN = 16 * 1024;
const PIECE_BYTES_MAX = 16 * 2 ** 20;
const PIECE_GROWTH = 4;

/** One tensor as the header writes it; offsets count from the end of the header. */
interface Entry {
  readonly at: number;
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

/**
 * Reads and checks the header: strict JSON without repeated keys, known types, shapes whose product is what the offsets span, and
 * tensors that cover the rest of the file without gap or overlap.
 *
 * @see The format in the README of safetensors: the header's length in 8 bytes, little-endian; JSON that begins with "{"; data.
 * @throws {LarderError} MODEL_BROKEN with the offset; NOT_SUPPORTED for unknown types and too many tensors.
 */
export async function parseSafetensors(reader: ByteReader, signal?: AbortSignal): Promise<SafetensorsHeader> {
  const headerEnd = LENGTH_BYTES + await readLength(reader, signal);
  const cursor = new Cursor(reader, signal, headerEnd);
  await cursor.load(LENGTH_BYTES + 1);
  cursor.skip(LENGTH_BYTES, "length of the header");
  const entries = await readEntries(cursor);
  await skipPadding(cursor);
  return placeTensors(reader, headerEnd, entries);
}

/** True for a file that begins like a safetensors file: a length that it can hold, and a brace. */
export function isSafetensors(start: Uint8Array, sizeBytes: number): boolean {
  if (start.byteLength < LENGTH_BYTES + 1 || start[LENGTH_BYTES] !== BRACE) return false;
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  return length + BigInt(LENGTH_BYTES) <= BigInt(sizeBytes);
}

async function readLength(reader: ByteReader, signal: AbortSignal | undefined): Promise<number> {
  const cursor = new Cursor(reader, signal, Math.min(reader.sizeBytes, LENGTH_BYTES));
  await cursor.load(LENGTH_BYTES);
  const length = cursor.uint64("length of the header");
  if (length > HEADER_BYTES_MAX) {
    throw cursor.broken(`the header is ${length} bytes long, and ${HEADER_BYTES_MAX} are allowed`, 0);
  }
  if (Number(length) > reader.sizeBytes - LENGTH_BYTES) {
    throw cursor.broken(
      `the header is ${length} bytes long, and ${reader.sizeBytes - LENGTH_BYTES} are left`,
      0,
    );
  }
  return Number(length);
}

async function readEntries(cursor: Cursor): Promise<Entry[]> {
  const entries: Entry[] = [];
  const names = new Set<string>();
  if (cursor.loaded()[0] !== BRACE) throw cursor.broken('the header does not begin with "{"');
  for (let isLast = await scan(cursor, isEmptyObject); !isLast;) {
    const name = await scan(cursor, readKey);
    if (names.has(name)) throw cursor.broken(`${shown(name)} is there twice`);
    names.add(name);
    if (names.size > TENSORS_MAX) {
      throw unsupported(cursor.reader.path, `it has more than ${TENSORS_MAX} tensors`, cursor.position);
    }
    if (name === METADATA) await readMetadata(cursor);
    else entries.push(await scan(cursor, (json) => readEntry(json, name, cursor.position)));
    isLast = await scan(cursor, isEnd);
  }
  return entries;
}

async function readMetadata(cursor: Cursor): Promise<void> {
  const keys = new Set<string>();
  for (let isLast = await scan(cursor, isEmptyObject); !isLast;) {
    const key = await scan(cursor, readKey);
    if (keys.has(key)) throw cursor.broken(`${shown(key)} is in the metadata twice`);
    keys.add(key);
    if (keys.size > METADATA_KEYS_MAX) {
      throw cursor.broken(`the metadata has more than ${METADATA_KEYS_MAX} keys`);
    }
    await scan(cursor, (json) => json.text());
    isLast = await scan(cursor, isEnd);
  }
}

/** Reads a piece that lies whole in the bytes at hand, and gets more of them until it does. */
async function scan<T>(cursor: Cursor, read: (json: JsonScan) => T): Promise<T> {
  for (let bytes = PIECE_BYTES_MIN; bytes <= PIECE_BYTES_MAX; bytes *= PIECE_GROWTH) {
    if (!cursor.isReady(bytes)) await cursor.load(bytes);
    const loaded = cursor.loaded();
    const json = new JsonScan(cursor.reader.path, loaded, cursor.position);
    try {
      const value = read(json);
      cursor.skip(json.index, "header");
      return value;
    } catch (error) {
      if (!(error instanceof JsonEndError)) throw error;
      if (loaded.byteLength >= cursor.remaining) {
        throw cursor.broken("the header ends in the middle of its JSON", cursor.end);
      }
    }
  }
  throw cursor.broken(`a piece of the header is longer than ${PIECE_BYTES_MAX} bytes`);
}

/** Steps over the brace that opens, and over the one that closes when it comes right after. */
function isEmptyObject(json: JsonScan): boolean {
  json.expect("{");
  return json.accept("}");
}

function readKey(json: JsonScan): string {
  const key = json.text();
  json.expect(":");
  return key;
}

/** After an entry: a comma, or the brace that closes. */
function isEnd(json: JsonScan): boolean {
  if (json.accept(",")) return false;
  json.expect("}");
  return true;
}

function readEntry(json: JsonScan, name: string, at: number): Entry {
  let dtype: string | undefined;
  let shape: readonly number[] | undefined;
  let offsets: readonly number[] | undefined;
  for (let isLast = isEmptyObject(json); !isLast; isLast = isEnd(json)) {
    const key = readKey(json);
    if (key === "dtype" && dtype === undefined) dtype = json.text();
    else if (key === "shape" && shape === undefined) shape = readCounts(json);
    else if (key === "data_offsets" && offsets === undefined) offsets = readCounts(json);
    else throw json.broken(`the tensor ${shown(name)} has ${shown(key)}, which is not expected there`);
  }
  const [start, end, more] = offsets ?? [];
  if (
    dtype === undefined || shape === undefined || start === undefined || end === undefined ||
    more !== undefined
  ) {
    throw json.broken(`the tensor ${shown(name)} lacks its type, its shape or its two offsets`, 0);
  }
  return { at, name, dtype, shape, start, end };
}

function readCounts(json: JsonScan): number[] {
  const counts: number[] = [];
  json.expect("[");
  if (json.accept("]")) return counts;
  do {
    counts.push(json.count());
    if (counts.length > RANK_MAX) throw json.broken(`an array has more than ${RANK_MAX} numbers`);
  } while (json.accept(","));
  json.expect("]");
  return counts;
}

async function skipPadding(cursor: Cursor): Promise<void> {
  while (cursor.remaining > 0) {
    if (!cursor.isReady(1)) await cursor.load(1);
    const bytes = cursor.loaded();
    const other = bytes.findIndex((byte) => !isSpace(byte));
    if (other !== -1) throw cursor.broken("something comes after the header's JSON", cursor.position + other);
    cursor.skip(bytes.byteLength, "padding");
  }
}

function placeTensors(reader: ByteReader, headerEnd: number, entries: readonly Entry[]): SafetensorsHeader {
  const dataBytes = reader.sizeBytes - headerEnd;
  let covered = 0;
  const tensors = entries.toSorted((a, b) => a.start - b.start || a.end - b.end).map((entry) => {
    const { at, name, dtype, shape, start, end } = entry;
    const say = (what: string) => broken(reader.path, `the tensor ${shown(name)} ${what}`, at);
    const sizeBytes = sizeOf(reader, entry);
    if (end < start || BigInt(end - start) !== sizeBytes) {
      throw say(`of ${dtype} [${shape}] needs ${sizeBytes} bytes, and has those from ${start} to ${end}`);
    }
    if (start < covered) throw say(`begins at ${start}, inside another that ends at ${covered}`);
    if (start > covered) throw say(`begins at ${start}, and nothing covers the bytes from ${covered} on`);
    covered = end;
    return { name, dtype, shape, start: headerEnd + start, sizeBytes: end - start };
  });
  if (covered !== dataBytes) {
    throw broken(reader.path, `its tensors end at ${covered}, and its data at ${dataBytes}`, headerEnd);
  }
  return { tensors, weightBytes: dataBytes };
}

function sizeOf(reader: ByteReader, { at, name, dtype, shape }: Entry): bigint {
  const bits = dtypeBits(dtype);
  if (bits === undefined) {
    const what = `the tensor ${shown(name)} is of the unknown type ${shown(dtype)}`;
    throw /^[A-Z][A-Z0-9_]{0,31}$/.test(dtype)
      ? unsupported(reader.path, what, at)
      : broken(reader.path, what, at);
  }
  const total = shape.reduce((product, one) => product * BigInt(one), BigInt(bits));
  if (total % 8n !== 0n) {
    throw broken(reader.path, `the tensor ${shown(name)} does not end at a whole byte`, at);
  }
  return total / 8n;
}
