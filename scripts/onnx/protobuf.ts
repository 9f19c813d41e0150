/**
 * Writes protocol buffers: every function gives one field of a message, tag and value, as bytes; a message is its fields in a row.
 *
 * @see The encoding as protobuf.dev describes it. Wire types: 0 varint, 1 eight bytes, 2 a length and so many bytes, 5 four bytes.
 */
export function varintField(field: number, value: number | bigint): Uint8Array {
  return Buffer.concat([tag(field, 0), varint(value)]);
}

export function floatField(field: number, value: number): Uint8Array {
  return Buffer.concat([tag(field, 5), floatBytes([value])]);
}

export function bytesField(field: number, value: string | Uint8Array): Uint8Array {
  const bytes = Buffer.from(value);
  return Buffer.concat([tag(field, 2), varint(bytes.length), bytes]);
}

export function messageField(field: number, ...fields: readonly Uint8Array[]): Uint8Array {
  return bytesField(field, Buffer.concat(fields));
}

export function tag(field: number, wireType: number): Uint8Array {
  return varint(field * 8 + wireType);
}

/** A negative number takes ten bytes, as its 64 bits. */
export function varint(value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return Uint8Array.from([...bytes, Number(rest)]);
}

/** Little-endian, four bytes each. */
export function floatBytes(values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => bytes.writeFloatLE(value, i * 4));
  return bytes;
}

/** Little-endian, eight bytes each. */
export function int64Bytes(values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(values.length * 8);
  values.forEach((value, i) => bytes.writeBigInt64LE(BigInt(value), i * 8));
  return bytes;
}
