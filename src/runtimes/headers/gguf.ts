import type { ByteReader } from "./byte-reader.ts";
import { Cursor } from "./cursor.ts";
import { broken, shown, unsupported } from "./fault.ts";
import { fileTypeName, findGgmlType, type GgmlType } from "./gguf-types.ts";
import { type GgufValues, readGgufValues } from "./gguf-values.ts";

/** What one GGUF file says of itself. */
export interface GgufHeader {
  /** `llama`, `qwen3`, `clip`, …; null when it names none that may be shown. */
  readonly architecture: string | null;
  /** `model`, `adapter`, `mmproj`, `imatrix`; null when it does not say. */
  readonly kind: string | null;
  readonly contextLength: number | null;
  /** As llama.cpp's file types are spelled in file names; without one, the type that most bytes have. */
  readonly quantization: string | null;
  /** It has a next token. One that has none sees a whole text at once: `{architecture}.attention.causal` is false. */
  readonly isCausal: boolean;
  readonly hasChatTemplate: boolean;
  /** Elements of all tensors of this file. */
  readonly parameters: number;
  readonly weightBytes: number;
  readonly tensors: readonly GgufTensor[];
  /** Null for a model in one file. */
  readonly split: GgufSplit | null;
}

export interface GgufTensor {
  readonly name: string;
  readonly type: string;
  /** The fastest one first. */
  readonly dimensions: readonly number[];
  readonly elements: number;
  /** In the file. */
  readonly start: number;
  readonly sizeBytes: number;
}

export interface GgufSplit {
  /** From 0 on. */
  readonly index: number;
  readonly count: number;
  /** Of all files together; only the first one must say it. */
  readonly tensors: number | null;
}

const MAGIC = "GGUF";
const VERSION_MIN = 2;
const VERSION_MAX = 3;
/** llama.cpp compares each name with all before it, so more of them would keep it busy for minutes. */
const PAIRS_MAX = 16_384;
const TENSORS_MAX = 65_536;
/** Length of a key of one byte, type, value. */
const PAIR_BYTES_MIN = 8 + 1 + 4 + 1;
/** Length of a name of one byte, number of dimensions, type, offset. */
const TENSOR_BYTES_MIN = 8 + 1 + 4 + 4 + 8;
const NAME_BYTES_MAX = 64;
const DIMENSIONS_MAX = 4;
const TENSOR_BYTES_MAX = 8 + NAME_BYTES_MAX + 4 + 8 * DIMENSIONS_MAX + 4 + 8;
const ELEMENTS_MAX = 2n ** 63n;
/** Numbers of types that some program may know; larger ones are nobody's. */
const TYPES_MAX = 256;

/**
 * Reads and checks everything in front of the weights: counts against the length of the file before anything is kept, every string,
 * array and dimension, and for every tensor that its bytes lie in the file, aligned and right behind those of the one before.
 *
 * @see ggml, `docs/gguf.md`, versions 2 and 3; what llama.cpp v0.5.0 refuses beyond that (`gguf.cpp`) is refused here too.
 * @throws {LarderError} MODEL_BROKEN with the offset; NOT_SUPPORTED for other versions, big-endian files and unknown types.
 */
export async function parseGguf(reader: ByteReader, signal?: AbortSignal): Promise<GgufHeader> {
  const cursor = new Cursor(reader, signal);
  await cursor.load(24);
  checkVersion(cursor);
  const at = cursor.position;
  const tensorCount = cursor.uint64("number of tensors");
  const pairCount = cursor.uint64("number of values");
  checkCounts(cursor, tensorCount, pairCount, at);
  const values = await readGgufValues(cursor, Number(pairCount));
  const tensors = await readTensors(cursor, Number(tensorCount), values.alignment);
  return toHeader(values, tensors);
}

/** True for a file that begins like a GGUF file, whatever its version. */
export function isGguf(start: Uint8Array): boolean {
  return Buffer.from(start.subarray(0, 4)).toString("latin1") === MAGIC;
}

function checkVersion(cursor: Cursor): void {
  if (!isGguf(cursor.bytes(4, "magic"))) throw cursor.broken(`it does not begin with ${MAGIC}`, 0);
  const version = cursor.uint32("version");
  const { path } = cursor.reader;
  // Versions are small numbers, so one with nothing in its low half was written the other way round.
  if (version !== 0 && (version & 0xffff) === 0) throw unsupported(path, "it is a big-endian GGUF file", 4);
  if (version === 0) throw cursor.broken("its version is 0", 4);
  if (version < VERSION_MIN || version > VERSION_MAX) {
    throw unsupported(
      path,
      `it is GGUF of version ${version}; ${VERSION_MIN} and ${VERSION_MAX} are supported`,
      4,
    );
  }
}

function checkCounts(cursor: Cursor, tensors: bigint, pairs: bigint, at: number): void {
  const needed = tensors * BigInt(TENSOR_BYTES_MIN) + pairs * BigInt(PAIR_BYTES_MIN);
  if (needed > BigInt(cursor.remaining)) {
    throw cursor.broken(
      `${tensors} tensors and ${pairs} values do not fit the ${cursor.remaining} bytes left`,
      at,
    );
  }
  if (tensors > TENSORS_MAX || pairs > PAIRS_MAX) {
    const what =
      `it has ${tensors} tensors and ${pairs} values; up to ${TENSORS_MAX} and ${PAIRS_MAX} are supported`;
    throw unsupported(cursor.reader.path, what, at);
  }
}

interface TensorInfo {
  readonly at: number;
  readonly name: string;
  readonly dimensions: readonly number[];
  readonly type: GgmlType;
  readonly elements: bigint;
  readonly offset: bigint;
}

async function readTensors(cursor: Cursor, count: number, alignment: number): Promise<GgufTensor[]> {
  const infos: TensorInfo[] = [];
  const names = new Set<string>();
  for (let i = 0; i < count; i++) {
    if (!cursor.isReady(TENSOR_BYTES_MAX)) await cursor.load(TENSOR_BYTES_MAX);
    const info = readTensor(cursor);
    if (names.has(info.name)) throw cursor.broken(`the tensor ${shown(info.name)} is there twice`, info.at);
    names.add(info.name);
    infos.push(info);
  }
  return placeTensors(cursor.reader, infos, BigInt(alignment), BigInt(cursor.position));
}

function readTensor(cursor: Cursor): TensorInfo {
  const at = cursor.position;
  const length = cursor.size64("length of a tensor's name");
  if (length === 0 || length > NAME_BYTES_MAX) {
    throw cursor.broken(
      `a tensor's name is ${length} bytes long, and 1 to ${NAME_BYTES_MAX} are allowed`,
      at,
    );
  }
  const name = cursor.text(length, "tensor's name");
  const rank = cursor.uint32("number of dimensions");
  if (rank > DIMENSIONS_MAX) {
    throw cursor.broken(
      `the tensor ${shown(name)} has ${rank} dimensions, and ${DIMENSIONS_MAX} are allowed`,
      at,
    );
  }
  const dimensions = Array.from({ length: rank }, () => cursor.uint64("dimension"));
  const type = readType(cursor, name);
  const elements = dimensions.reduce((product, one) => product * one, 1n);
  if (elements >= ELEMENTS_MAX || dimensions.some((one) => one >= ELEMENTS_MAX)) {
    throw cursor.broken(`the tensor ${shown(name)} has ${dimensions.join(" × ")} elements`, at);
  }
  const row = dimensions[0] ?? 1n;
  if (row % BigInt(type.blockElements) !== 0n) {
    const what = `the tensor ${
      shown(name)
    } has rows of ${row} elements, no multiple of ${type.blockElements}`;
    throw cursor.broken(`${what} as ${type.name} needs`, at);
  }
  const offset = cursor.uint64("offset of a tensor");
  return { at, name, dimensions: dimensions.map(Number), type, elements, offset };
}

function readType(cursor: Cursor, name: string): GgmlType {
  const at = cursor.position;
  const id = cursor.uint32("type of a tensor");
  const type = findGgmlType(id);
  if (type !== undefined) return type;
  const what = `the tensor ${shown(name)} is of the unknown type ${id}`;
  throw id < TYPES_MAX ? unsupported(cursor.reader.path, what, at) : cursor.broken(what, at);
}

/**
 * Where each tensor lies. They must follow each other in the order of their infos, each at the next multiple of the alignment: so none
 * is misaligned or lies in another.
 */
function placeTensors(
  reader: ByteReader,
  infos: readonly TensorInfo[],
  alignment: bigint,
  infosEnd: bigint,
): GgufTensor[] {
  const dataStart = aligned(infosEnd, alignment);
  let expected = 0n;
  return infos.map(({ at, name, dimensions, type, elements, offset }) => {
    const sizeBytes = elements / BigInt(type.blockElements) * BigInt(type.blockBytes);
    const say = (what: string) => broken(reader.path, `the tensor ${shown(name)} ${what}`, at);
    if (dataStart + offset + sizeBytes > BigInt(reader.sizeBytes)) {
      const end = dataStart + offset + sizeBytes;
      throw say(`of ${sizeBytes} bytes ends at ${end}, and the file at ${reader.sizeBytes}`);
    }
    if (offset < expected) throw say(`lies at ${offset}, inside the one before, which ends at ${expected}`);
    if (offset > expected) throw say(`lies at ${offset}, and not at ${expected} behind the one before`);
    expected = aligned(offset + sizeBytes, alignment);
    return {
      ...{ name, dimensions, type: type.name, elements: Number(elements) },
      ...{ start: Number(dataStart + offset), sizeBytes: Number(sizeBytes) },
    };
  });
}

function aligned(position: bigint, alignment: bigint): bigint {
  return (position + alignment - 1n) / alignment * alignment;
}

function toHeader(values: GgufValues, tensors: readonly GgufTensor[]): GgufHeader {
  const { architecture, fileType, splitCount } = values;
  return {
    architecture: plainName(architecture),
    kind: plainName(values.kind),
    contextLength: positive(values.contextLengths.get(`${architecture}.context_length`)),
    quantization: fileTypeName(fileType) ?? mostBytes(tensors),
    isCausal: architecture === null || !values.wholeTexts.has(architecture),
    hasChatTemplate: values.hasChatTemplate,
    parameters: tensors.reduce((sum, tensor) => sum + tensor.elements, 0),
    weightBytes: tensors.reduce((sum, tensor) => sum + tensor.sizeBytes, 0),
    tensors,
    split: splitCount > 1
      ? { index: values.splitIndex, count: splitCount, tensors: values.splitTensors }
      : null,
  };
}

function mostBytes(tensors: readonly GgufTensor[]): string | null {
  const bytes = new Map<string, number>();
  for (const { type, sizeBytes } of tensors) bytes.set(type, (bytes.get(type) ?? 0) + sizeBytes);
  return [...bytes].sort(([, a], [, b]) => b - a)[0]?.[0] ?? null;
}

function plainName(text: string | null): string | null {
  return text !== null && /^[\w .-]{1,128}$/.test(text) ? text : null;
}

function positive(number: number | undefined): number | null {
  return number !== undefined && number > 0 && Number.isSafeInteger(number) ? number : null;
}
