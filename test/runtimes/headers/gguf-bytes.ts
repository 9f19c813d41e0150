/** A metadata value: its type and its bytes. */
export interface GgufValue {
  readonly type: number;
  readonly bytes: Uint8Array;
}

export interface GgufTensorWish {
  readonly name?: string;
  readonly dimensions?: ReadonlyArray<number | bigint>;
  /** Number of the type; default 0, F32. */
  readonly type?: number;
  /** From the beginning of the data; default behind the tensors before, as if each had 4 bytes an element. */
  readonly offset?: number | bigint;
}

export interface GgufWish {
  readonly magic?: string;
  readonly version?: number;
  readonly pairs?: ReadonlyArray<readonly [key: string, value: GgufValue]>;
  readonly tensors?: readonly GgufTensorWish[];
  /** In place of the true ones. */
  readonly tensorCount?: bigint;
  readonly pairCount?: bigint;
  /** What the data begins at a multiple of. Default 32. */
  readonly alignment?: number;
  /** Default 256. */
  readonly dataBytes?: number;
}

const ALIGNMENT = 32;

/** A GGUF file byte by byte, right or wrong. @see ggml, `docs/gguf.md` */
export function ggufBytes(wish: GgufWish = {}): Uint8Array<ArrayBuffer> {
  const { magic = "GGUF", version = 3, pairs = [ARCHITECTURE], tensors = [{}], alignment = ALIGNMENT } = wish;
  let next = 0n;
  const infos = tensors.map(({ name, dimensions = [8, 4], type = 0, offset }, i) => {
    const start = BigInt(offset ?? next);
    const bytes = 4n * dimensions.reduce((product: bigint, one) => product * BigInt(one), 1n);
    next = (start + bytes + 31n) / 32n * 32n;
    return Buffer.concat([
      text(name ?? `t${i}`),
      uint32(dimensions.length),
      ...dimensions.map(uint64),
      uint32(type),
      uint64(start),
    ]);
  });
  const head = Buffer.concat([
    Buffer.from(magic),
    uint32(version),
    uint64(wish.tensorCount ?? tensors.length),
    uint64(wish.pairCount ?? pairs.length),
    ...pairs.flatMap(([key, value]) => [text(key), uint32(value.type), value.bytes]),
    ...infos,
  ]);
  const padding = (alignment - head.length % alignment) % alignment;
  return Uint8Array.from(
    Buffer.concat([head, new Uint8Array(padding), new Uint8Array(wish.dataBytes ?? 256)]),
  );
}

export const ARCHITECTURE: readonly [string, GgufValue] = ["general.architecture", textValue("llama")];

export function textValue(value: string): GgufValue {
  return { type: 8, bytes: text(value) };
}

export function uint16Value(value: number): GgufValue {
  return { type: 2, bytes: Uint8Array.of(value & 0xff, value >> 8) };
}

export function uint32Value(value: number): GgufValue {
  return { type: 4, bytes: uint32(value) };
}

export function int32Value(value: number): GgufValue {
  return { type: 5, bytes: uint32(value) };
}

export function uint64Value(value: bigint): GgufValue {
  return { type: 10, bytes: uint64(value) };
}

/** @param count Of elements, as it is claimed. */
export function arrayValue(type: number, count: number | bigint, bytes: Uint8Array): GgufValue {
  return { type: 9, bytes: Buffer.concat([uint32(type), uint64(count), bytes]) };
}

export function textsValue(values: readonly string[]): GgufValue {
  return arrayValue(8, values.length, Buffer.concat(values.map(text)));
}

function text(value: string): Uint8Array {
  return Buffer.concat([uint64(Buffer.byteLength(value)), Buffer.from(value)]);
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

function uint64(value: number | bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
  return bytes;
}
