// Makes the beginnings of model files byte by byte, after the formats' own documents.

export interface GgufWish {
  readonly magic?: string;
  readonly version?: number;
  /** Default little. */
  readonly isBigEndian?: boolean;
  /** Values as bytes, by key: see {@link ggufValues}. */
  readonly values?: ReadonlyArray<readonly [string, Uint8Array]>;
  readonly tensors?: ReadonlyArray<readonly number[]>;
  /** In place of the true ones. */
  readonly tensorCount?: bigint;
  readonly valueCount?: bigint;
}

export interface GgufValues {
  uint32(value: number): Uint8Array;
  uint64(value: bigint): Uint8Array;
  text(value: string): Uint8Array;
  texts(values: readonly string[]): Uint8Array;
  floats(count: number): Uint8Array;
  /** An array that says to have other elements than it has. */
  array(type: number, count: bigint, body?: Uint8Array): Uint8Array;
}

export function ggufValues(isBigEndian = false): GgufValues {
  const { u32, u64, string } = numbers(isBigEndian);
  const array = (type: number, count: bigint, body: Uint8Array = new Uint8Array()) =>
    Buffer.concat([u32(9), u32(type), u64(count), body]);
  return {
    uint32: (value) => Buffer.concat([u32(4), u32(value)]),
    uint64: (value) => Buffer.concat([u32(10), u64(value)]),
    text: (value) => Buffer.concat([u32(8), string(value)]),
    texts: (values) => array(8, BigInt(values.length), Buffer.concat(values.map(string))),
    floats: (count) => array(6, BigInt(count), new Uint8Array(4 * count)),
    array,
  };
}

export function ggufBytes(wish: GgufWish): Uint8Array<ArrayBuffer> {
  const { values = [], tensors = [], magic = "GGUF", version = 3, isBigEndian = false } = wish;
  const { u32, u64, string } = numbers(isBigEndian);
  return Uint8Array.from(Buffer.concat([
    Buffer.from(magic),
    u32(version),
    u64(wish.tensorCount ?? BigInt(tensors.length)),
    u64(wish.valueCount ?? BigInt(values.length)),
    ...values.flatMap(([key, value]) => [string(key), value]),
    ...tensors.flatMap((shape, i) => [
      ...[
        string(`blk.${i}.weight`),
        u32(shape.length),
        ...shape.map((one) => u64(BigInt(one))),
        u32(0),
        u64(0n),
      ],
    ]),
  ]));
}

export function safetensorsBytes(
  tensors: Readonly<Record<string, { readonly dtype: string; readonly shape: readonly unknown[] }>>,
  length?: bigint,
): Uint8Array<ArrayBuffer> {
  const json = Buffer.from(JSON.stringify({ __metadata__: { format: "pt" }, ...tensors }));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(json.length));
  return Uint8Array.from(Buffer.concat([prefix, json]));
}

function numbers(isBigEndian: boolean) {
  const u32 = (value: number) => {
    const bytes = Buffer.alloc(4);
    if (isBigEndian) bytes.writeUInt32BE(value);
    else bytes.writeUInt32LE(value);
    return bytes;
  };
  const u64 = (value: bigint) => {
    const bytes = Buffer.alloc(8);
    if (isBigEndian) bytes.writeBigUInt64BE(value);
    else bytes.writeBigUInt64LE(value);
    return bytes;
  };
  const string = (text: string) => Buffer.concat([u64(BigInt(Buffer.byteLength(text))), Buffer.from(text)]);
  return { u32, u64, string };
}
