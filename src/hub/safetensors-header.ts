/** Of the longest header that is read; the format itself allows 100 MB, tools write about 120 bytes per tensor. */
export const HEADER_BYTES_MAX = 32 * 2 ** 20;
/** The header's length, 64 bits, little-endian. */
export const LENGTH_BYTES = 8;

/** Types that hold several quantized weights in one number: their shapes tell nothing. */
const PACKED: ReadonlySet<unknown> = new Set(["U8", "U16", "U32", "U64", "I32"]);
/** Small tables beside the weights may be of such a type. */
const PACKED_SHARE_MAX = 0.01;

export interface TensorCount {
  readonly elements: number;
  readonly packed: number;
}

/**
 * How long the header is, from the first eight bytes of a file.
 *
 * @returns Undefined when it cannot be, or is longer than is read.
 */
export function headerLength(bytes: Uint8Array, fileBytes: number): number | undefined {
  if (bytes.byteLength < LENGTH_BYTES) return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  const most = Math.min(HEADER_BYTES_MAX, fileBytes - LENGTH_BYTES);
  return length > 0n && length <= BigInt(Math.max(most, 0)) ? Number(length) : undefined;
}

/**
 * Counts the numbers of all tensors of one file.
 *
 * @see The safetensors format: a JSON object of `{dtype, shape, data_offsets}` by tensor, and `__metadata__`.
 * @returns Undefined when it is no such header.
 */
export function countTensors(header: Uint8Array): TensorCount | undefined {
  const json = readObject(header);
  if (json === undefined) return undefined;
  let elements = 0;
  let packed = 0;
  for (const [name, tensor] of Object.entries(json)) {
    if (name === "__metadata__") continue;
    const count = sizeOf(tensor);
    if (count === undefined) return undefined;
    elements += count;
    if (isObject(tensor) && PACKED.has(tensor["dtype"])) packed += count;
  }
  return { elements, packed };
}

/** What the counts of all files of a model tell of its parameters. */
export function parametersOf(counts: readonly TensorCount[], fileBytes: number): number | null {
  const elements = counts.reduce((sum, count) => sum + count.elements, 0);
  const packed = counts.reduce((sum, count) => sum + count.packed, 0);
  const isPlausible = elements > 0 && elements <= fileBytes * 8 && packed <= elements * PACKED_SHARE_MAX;
  return isPlausible ? elements : null;
}

/** JSON that is an object, or undefined. */
export function readObject(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isObject(json) ? json : undefined;
  } catch {
    return undefined; // whoever asks for facts takes "it does not say" for an answer
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sizeOf(tensor: unknown): number | undefined {
  const shape = isObject(tensor) ? tensor["shape"] : undefined;
  if (!Array.isArray(shape) || !shape.every((one) => Number.isSafeInteger(one) && one >= 0)) return undefined;
  const count: number = shape.reduce((product: number, one: number) => product * one, 1);
  return Number.isSafeInteger(count) ? count : undefined;
}
