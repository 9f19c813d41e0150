import type { Dtype } from "../types.ts";

/** An element type of ONNX. */
export interface OnnxType {
  /** As it is written in types of values: `tensor(float)`. */
  readonly name: string;
  /** Of one element; null for strings. */
  readonly bits: number | null;
  /** Where tensors of it can be given and taken; null where they cannot. */
  readonly dtype: Dtype | null;
  /** What a model whose weights are of this type is said to be; null for types that weights are not of. */
  readonly quantization: string | null;
}

type Row = readonly [name: string, bits: number | null, dtype: Dtype | null, quantization: string | null];

/** By number, from 1 on. @see onnx.proto of ONNX 1.23: `TensorProto.DataType`. */
const ROWS: readonly Row[] = [
  ["float", 32, "float32", "fp32"],
  ["uint8", 8, "uint8", "uint8"],
  ["int8", 8, "int8", "int8"],
  ["uint16", 16, "uint16", null],
  ["int16", 16, "int16", null],
  ["int32", 32, "int32", null],
  ["int64", 64, "int64", null],
  ["string", null, "string", null],
  ["bool", 8, "bool", null],
  ["float16", 16, "float16", "fp16"],
  ["double", 64, "float64", "fp64"],
  ["uint32", 32, "uint32", null],
  ["uint64", 64, "uint64", null],
  ["complex64", 64, null, null],
  ["complex128", 128, null, null],
  ["bfloat16", 16, "bfloat16", "bf16"],
  ["float8e4m3fn", 8, null, "fp8"],
  ["float8e4m3fnuz", 8, null, "fp8"],
  ["float8e5m2", 8, null, "fp8"],
  ["float8e5m2fnuz", 8, null, "fp8"],
  ["uint4", 4, null, "uint4"],
  ["int4", 4, null, "int4"],
  ["float4e2m1", 4, null, "fp4"],
  ["float8e8m0", 8, null, null],
  ["uint2", 2, null, "uint2"],
  ["int2", 2, null, "int2"],
  ["float6e2m3", 6, null, "fp6"],
  ["float6e3m2", 6, null, "fp6"],
];

const TYPES: ReadonlyMap<number, OnnxType> = new Map(
  ROWS.map(([name, bits, dtype, quantization], i) => [i + 1, { name, bits, dtype, quantization }]),
);

export function findOnnxType(id: number): OnnxType | undefined {
  return TYPES.get(id);
}
