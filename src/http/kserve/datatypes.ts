import type { Dtype, TensorData } from "../../runtimes/types.ts";

/**
 * Types of elements as the protocol names them. BF16 is the binary extension's; BYTES are texts in UTF-8 here.
 *
 * @see Open Inference Protocol, inference_rest.md, "Tensor Data Types"
 */
export const DATATYPES = [
  ...["BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"] as const,
  ...["FP16", "BF16", "FP32", "FP64", "BYTES"] as const,
] as const;

export type Datatype = (typeof DATATYPES)[number];

export const DTYPE_OF: Readonly<Record<Datatype, Dtype>> = {
  BOOL: "bool",
  UINT8: "uint8",
  UINT16: "uint16",
  UINT32: "uint32",
  UINT64: "uint64",
  INT8: "int8",
  INT16: "int16",
  INT32: "int32",
  INT64: "int64",
  FP16: "float16",
  BF16: "bfloat16",
  FP32: "float32",
  FP64: "float64",
  BYTES: "string",
};

export const DATATYPE_OF = Object.fromEntries(
  DATATYPES.map((datatype) => [DTYPE_OF[datatype], datatype]),
) as Readonly<Record<Dtype, Datatype>>;

/** Of a fixed width; both kinds of half floats are kept as their raw bits. */
export type FixedDtype = Exclude<Dtype, "string">;

type FixedData = Exclude<TensorData, readonly string[]>;

interface ArrayType {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer): FixedData;
}

export const ARRAY_OF: Readonly<Record<FixedDtype, ArrayType>> = {
  bool: Uint8Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
};
