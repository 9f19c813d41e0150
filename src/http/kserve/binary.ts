import { LarderError } from "../../core/index.ts";
import type { Dtype, Tensor, TensorData } from "../../runtimes/types.ts";
import { ARRAY_OF, DATATYPE_OF } from "./datatypes.ts";

// Binary tensors: row-major, little-endian as every machine that we run on, without padding; each element of BYTES is its length in
// 4 bytes and then its bytes. See Triton's docs/protocol/extension_binary_data.md.

const LENGTH_BYTES = 4;

export interface TensorHead {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

/** @throws {LarderError} BAD_INPUT: not the bytes that the shape takes. */
export function tensorOfBytes(head: TensorHead, bytes: Uint8Array): Tensor {
  const { dtype, shape } = head;
  const count = shape.reduce((product, size) => product * size, 1);
  if (dtype === "string") return { dtype, shape, data: textsOf(head, bytes, count) };
  const ArrayType = ARRAY_OF[dtype];
  if (bytes.byteLength !== count * ArrayType.BYTES_PER_ELEMENT) {
    throw bad(
      head,
      `it has ${bytes.byteLength} bytes, its shape takes ${count * ArrayType.BYTES_PER_ELEMENT}`,
    );
  }
  if (dtype === "bool" && bytes.some((value) => value > 1)) {
    throw bad(head, "it holds a byte that is neither 0 nor 1");
  }
  // A copy, because it begins wherever the tensor before it ended, and is given away.
  return { dtype, shape, data: new ArrayType(bytes.slice().buffer) };
}

export function bytesOfTensor({ dtype, data }: Tensor): Uint8Array {
  if (dtype === "string") return bytesOfTexts(data as readonly string[]);
  const { buffer, byteOffset, byteLength } = data as Exclude<TensorData, readonly string[]>;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function textsOf(head: TensorHead, bytes: Uint8Array, count: number): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const texts: string[] = [];
  let at = 0;
  while (at < bytes.byteLength) {
    const start = at + LENGTH_BYTES;
    const end = start <= bytes.byteLength ? start + view.getUint32(at, true) : Infinity;
    if (end > bytes.byteLength) throw bad(head, `element ${texts.length} goes beyond the end of its data`);
    texts.push(decode(head, decoder, bytes.subarray(start, end)));
    at = end;
  }
  if (texts.length !== count) throw bad(head, `it has ${texts.length} elements, its shape takes ${count}`);
  return texts;
}

function decode(head: TensorHead, decoder: TextDecoder, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw bad(head, "an element is not text in UTF-8", error);
  }
}

function bytesOfTexts(texts: readonly string[]): Uint8Array {
  const encoded = texts.map((text) => Buffer.from(text));
  const bytes = new Uint8Array(encoded.reduce((sum, { length }) => sum + LENGTH_BYTES + length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const one of encoded) {
    view.setUint32(at, one.length, true);
    bytes.set(one, at + LENGTH_BYTES);
    at += LENGTH_BYTES + one.length;
  }
  return bytes;
}

function bad({ name, dtype, shape }: TensorHead, reason: string, cause?: unknown): LarderError {
  return new LarderError("BAD_INPUT", `Cannot use input ${name}: ${reason}`, {
    field: `inputs.${name}`,
    details: { input: name, datatype: DATATYPE_OF[dtype], shape },
    cause,
  });
}
