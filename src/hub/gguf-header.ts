import { ByteCursor, MalformedError, MoreNeededError } from "./byte-cursor.ts";

export interface GgufFacts {
  readonly architecture: string | null;
  readonly contextLength: number | null;
  /** Of the whole model, as the file says. */
  readonly declared: number | null;
  /** Counted from the shapes of the tensors in this file. */
  readonly parameters: number | null;
}

export interface GgufReading {
  readonly facts: GgufFacts;
  /** So many bytes from the file's beginning would tell more; absent when there is nothing more to tell. */
  readonly needBytes?: number;
}

const NO_FACTS: GgufFacts = { architecture: null, contextLength: null, declared: null, parameters: null };
const MAGIC = "GGUF";
/** Far above what any model has: about 100 values, a few thousand tensors. */
const PAIRS_MAX = 65_536;
const TENSORS_MAX = 1_000_000;
const KEY_BYTES_MAX = 65_535;
const TEXT_BYTES_MAX = 256;
const DIMENSIONS_MAX = 8;
const NESTING_MAX = 4;
const CONTEXT_LENGTHS_MAX = 100;

const UINT32 = 4;
const STRING = 8;
const ARRAY = 9;
const UINT64 = 10;
/** By type: uint8, int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64. */
const VALUE_BYTES: readonly (number | undefined)[] = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8];

interface Found {
  architecture: string | null;
  declared: number | null;
  readonly contextLengths: Map<string, number>;
  elements: number | null;
}

/**
 * Reads what the beginning of a GGUF file tells. Arrays (vocabularies, mostly) are stepped over, so that memory is that of the bytes
 * given, and time is proportional to them. What cannot be right is null.
 *
 * @param fileBytes Length of the whole file.
 * @see The GGUF specification in ggml's `docs/gguf.md`: versions 2 and 3, in either byte order.
 */
export function readGgufHeader(bytes: Uint8Array, fileBytes: number): GgufReading {
  const found: Found = { architecture: null, declared: null, contextLengths: new Map(), elements: null };
  try {
    readAll(bytes, fileBytes, found);
    return { facts: toFacts(found, fileBytes) };
  } catch (error) {
    if (error instanceof MoreNeededError) return { facts: toFacts(found, fileBytes), needBytes: error.bytes };
    if (error instanceof MalformedError) return { facts: NO_FACTS };
    throw error;
  }
}

function readAll(bytes: Uint8Array, fileBytes: number, found: Found): void {
  const probe = new ByteCursor(bytes, fileBytes, true);
  if (probe.text(4) !== MAGIC) throw new MalformedError();
  // The version is a small number, so the order of its bytes shows that of all numbers.
  const isLittleEndian = (probe.uint32() & 0xffff) !== 0;
  const cursor = new ByteCursor(bytes, fileBytes, isLittleEndian);
  cursor.skip(4);
  const version = cursor.uint32();
  if (version !== 2 && version !== 3) throw new MalformedError();
  const tensors = cursor.uint64();
  const pairs = cursor.uint64();
  if (tensors > TENSORS_MAX || pairs > PAIRS_MAX) throw new MalformedError();
  for (let i = 0; i < pairs; i++) readPair(cursor, found);
  let elements = 0;
  for (let i = 0; i < tensors; i++) elements += readTensor(cursor);
  found.elements = elements;
}

function readPair(cursor: ByteCursor, found: Found): void {
  const keyBytes = cursor.uint64();
  if (keyBytes > KEY_BYTES_MAX) throw new MalformedError();
  const key = cursor.text(keyBytes);
  const type = cursor.uint32();
  if (key === "general.architecture" && type === STRING) {
    found.architecture = readText(cursor);
  } else if (key === "general.parameter_count" && (type === UINT32 || type === UINT64)) {
    found.declared = readCount(cursor, type);
  } else if (key.endsWith(".context_length") && (type === UINT32 || type === UINT64)) {
    const length = readCount(cursor, type);
    if (found.contextLengths.size < CONTEXT_LENGTHS_MAX) found.contextLengths.set(key, length);
  } else {
    skipValue(cursor, type, 0);
  }
}

function readCount(cursor: ByteCursor, type: number): number {
  return type === UINT32 ? cursor.uint32() : cursor.uint64();
}

function readText(cursor: ByteCursor): string {
  const length = cursor.uint64();
  if (length > TEXT_BYTES_MAX) throw new MalformedError();
  return cursor.text(length);
}

function skipValue(cursor: ByteCursor, type: number, depth: number): void {
  const valueBytes = VALUE_BYTES[type];
  if (valueBytes !== undefined) cursor.skip(valueBytes);
  else if (type === STRING) cursor.skip(cursor.uint64());
  else if (type === ARRAY && depth < NESTING_MAX) skipArray(cursor, depth);
  else throw new MalformedError();
}

function skipArray(cursor: ByteCursor, depth: number): void {
  const type = cursor.uint32();
  const count = cursor.uint64();
  const valueBytes = VALUE_BYTES[type];
  if (valueBytes !== undefined) cursor.skip(count * valueBytes);
  else for (let i = 0; i < count; i++) skipValue(cursor, type, depth + 1);
}

/** How many numbers a tensor has; name, dimensions, type and offset are passed. */
function readTensor(cursor: ByteCursor): number {
  cursor.skip(cursor.uint64());
  const dimensions = cursor.uint32();
  if (dimensions > DIMENSIONS_MAX) throw new MalformedError();
  let elements = 1;
  for (let i = 0; i < dimensions; i++) elements *= cursor.uint64();
  cursor.skip(4 + 8);
  return elements;
}

function toFacts({ architecture, declared, contextLengths, elements }: Found, fileBytes: number): GgufFacts {
  // No quantization has less than one bit per weight.
  const counted = elements !== null && elements <= fileBytes * 8 ? elements : null;
  return {
    architecture: plainName(architecture),
    contextLength: contextLengths.get(`${architecture}.context_length`) ?? null,
    declared,
    parameters: counted,
  };
}

function plainName(text: string | null): string | null {
  return text !== null && /^[\w .-]+$/.test(text) ? text : null;
}
