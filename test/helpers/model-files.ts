import { pseudoRandomBytes } from "./pseudo-random.ts";

export interface GgufOptions {
  /** Default llama. */
  readonly architecture?: string;
  readonly name?: string;
  readonly contextLength?: number;
  /** What the header claims; default the elements of all tensors. */
  readonly parameters?: number;
  /** Dimensions by name; every tensor is F32. */
  readonly tensors?: Readonly<Record<string, readonly number[]>>;
  /** Number of `general.file_type`: 1 is F16, 15 is Q4_K_M. Default absent. */
  readonly fileType?: number;
  /** False: it sees a whole text at once. Default: it does not say. */
  readonly causal?: boolean;
  readonly chatTemplate?: string;
  /** Strings in the vocabulary; many of them make the header long. Default 4. */
  readonly tokens?: number;
  /** Length of the whole file, reached by one more tensor. Default as long as it must be. */
  readonly bytes?: number;
  readonly seed?: number;
}

const ALIGNMENT = 32;
/** Of metadata values. */
const GGUF_UINT32 = 4;
const GGUF_BOOL = 7;
const GGUF_STRING = 8;
const GGUF_ARRAY = 9;
const GGUF_UINT64 = 10;
/** Of tensors. */
const GGML_F32 = 0;
const GGML_I8 = 24;

interface GgufTensor {
  readonly name: string;
  readonly dimensions: readonly number[];
  readonly type: number;
  readonly sizeBytes: number;
}

/**
 * A small valid GGUF file of version 3, whose weights are pseudo-random bytes.
 *
 * @throws When `bytes` is less than the rest of the file needs.
 * @see ggml, `docs/gguf.md`: all numbers little-endian; tensor data begins, and each tensor in it, at a multiple of 32.
 */
export function tinyGguf(options: GgufOptions = {}): Uint8Array<ArrayBuffer> {
  const { tensors = { "token_embd.weight": [8, 4] }, bytes, seed = 1 } = options;
  const named = Object.entries(tensors).map(([name, dimensions]) => floatTensor(name, dimensions));
  const all = bytes === undefined ? named : [...named, fillerFor(bytes, options, named)];
  const head = ggufHead(options, all);
  const dataBytes = all.reduce((end, tensor) => aligned(end) + tensor.sizeBytes, 0);
  return joined(head, pseudoRandomBytes(seed, dataBytes));
}

function floatTensor(name: string, dimensions: readonly number[]): GgufTensor {
  return { name, dimensions, type: GGML_F32, sizeBytes: 4 * elements(dimensions) };
}

function fillerFor(bytes: number, options: GgufOptions, named: readonly GgufTensor[]): GgufTensor {
  const filler = (size: number) => ({
    name: "filler.weight",
    dimensions: [size],
    type: GGML_I8,
    sizeBytes: size,
  });
  const headBytes = ggufHead(options, [...named, filler(0)]).length; // its length does not depend on the numbers in it
  const start = aligned(named.reduce((end, tensor) => aligned(end) + tensor.sizeBytes, 0));
  const size = bytes - headBytes - start;
  if (size < 1) {
    throw new Error(`Cannot make a GGUF file of ${bytes} bytes: it needs ${headBytes + start + 1}`);
  }
  return filler(size);
}

function ggufHead(options: GgufOptions, tensors: readonly GgufTensor[]): Uint8Array {
  const metadata = ggufMetadata(options, tensors);
  const parts = [Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(metadata.length), ...metadata];
  let offset = 0;
  for (const { name, dimensions, type, sizeBytes } of tensors) {
    parts.push(text(name), u32(dimensions.length), ...dimensions.map(u64), u32(type), u64(offset));
    offset = aligned(offset + sizeBytes);
  }
  const head = Buffer.concat(parts);
  return joined(head, Buffer.alloc(aligned(head.length) - head.length));
}

function ggufMetadata(options: GgufOptions, tensors: readonly GgufTensor[]): Uint8Array[] {
  const {
    architecture = "llama",
    name = "Tiny",
    contextLength = 2048,
    tokens = 4,
    fileType,
    causal,
    chatTemplate,
  } = options;
  const counted = tensors.filter((tensor) => tensor.type === GGML_F32);
  const { parameters = counted.reduce((sum, tensor) => sum + elements(tensor.dimensions), 0) } = options;
  const vocabulary = Array.from({ length: tokens }, (_, i) => text(`token ${i}`));
  return [
    pair("general.architecture", GGUF_STRING, text(architecture)),
    pair("general.name", GGUF_STRING, text(name)),
    pair("general.parameter_count", GGUF_UINT64, u64(parameters)),
    ...(fileType === undefined ? [] : [pair("general.file_type", GGUF_UINT32, u32(fileType))]),
    pair(`${architecture}.context_length`, GGUF_UINT32, u32(contextLength)),
    ...(causal === undefined
      ? []
      : [pair(`${architecture}.attention.causal`, GGUF_BOOL, Uint8Array.of(Number(causal)))]),
    ...(chatTemplate === undefined ? [] : [pair("tokenizer.chat_template", GGUF_STRING, text(chatTemplate))]),
    pair("tokenizer.ggml.tokens", GGUF_ARRAY, u32(GGUF_STRING), u64(tokens), ...vocabulary),
  ];
}

function pair(key: string, type: number, ...value: Uint8Array[]): Uint8Array {
  return Buffer.concat([text(key), u32(type), ...value]);
}

function text(value: string): Uint8Array {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function aligned(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
}

const DTYPE_BYTES = { F64: 8, I64: 8, F32: 4, I32: 4, F16: 2, BF16: 2, F8_E4M3: 1, I8: 1, U8: 1 } as const;

export interface SafetensorsOptions {
  /** By name; the data type's default is F32. */
  readonly tensors?: Readonly<
    Record<string, { readonly dtype?: keyof typeof DTYPE_BYTES; readonly shape: readonly number[] }>
  >;
  /** Becomes `__metadata__`. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly seed?: number;
}

/**
 * A small valid safetensors file, whose weights are pseudo-random bytes.
 *
 * @see safetensors, section "Format" of its README: the header's length as 8 bytes, little-endian; JSON padded with spaces; data.
 */
export function tinySafetensors(options: SafetensorsOptions = {}): Uint8Array<ArrayBuffer> {
  const { tensors = { weight: { shape: [4, 4] } }, metadata, seed = 1 } = options;
  let end = 0;
  const entries = Object.entries(tensors).map(([name, { dtype = "F32", shape }]) => {
    const start = end;
    end += elements(shape) * DTYPE_BYTES[dtype];
    return [name, { dtype, shape, data_offsets: [start, end] }];
  });
  const about = metadata === undefined ? {} : { __metadata__: metadata };
  const header = Buffer.from(JSON.stringify({ ...about, ...Object.fromEntries(entries) }));
  const padding = Buffer.alloc((8 - header.length % 8) % 8, " ");
  return joined(u64(header.length + padding.length), header, padding, pseudoRandomBytes(seed, end));
}

/** Files of a repository that differ from each other: `files/0001.txt` and so on, all of one size. */
export function generateFiles(
  options: {
    readonly count: number;
    readonly sizeBytes: number;
    readonly seed?: number;
    readonly ending?: string;
  },
): Record<string, Uint8Array<ArrayBuffer>> {
  const { count, sizeBytes, seed = 1, ending = ".txt" } = options;
  return Object.fromEntries(Array.from({ length: count }, (_, i) => {
    const name = `files/${String(i + 1).padStart(4, "0")}${ending}`;
    return [name, pseudoRandomBytes(seed + i, sizeBytes)];
  }));
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts));
}
