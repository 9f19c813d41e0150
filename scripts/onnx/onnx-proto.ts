import { bytesField, floatBytes, floatField, int64Bytes, messageField, varintField } from "./protobuf.ts";

// Numbers of fields and types are those of `onnx/onnx.proto` of ONNX 1.23.

/** `TensorProto.DataType` */
export const ONNX_TYPE = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  complex64: 14,
  bfloat16: 16,
  float8e4m3fn: 17,
  uint4: 21,
  int4: 22,
} as const;

export type OnnxType = keyof typeof ONNX_TYPE;

/** Versions of IR and operators that ONNX 1.12 (2022) and everything later reads. */
const IR_VERSION = 8;
const OPSET = 17;
const ML_OPSET = 3;
const ML_DOMAIN = "ai.onnx.ml";

export type OnnxAttribute =
  | { readonly float: number }
  | { readonly int: number }
  | { readonly text: string }
  | { readonly tensor: Uint8Array }
  | { readonly graph: Uint8Array }
  | { readonly floats: readonly number[] }
  | { readonly ints: readonly number[] }
  | { readonly texts: readonly string[] };

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
  readonly domain?: string;
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  /** Made by {@link onnxValue}. */
  readonly inputs: readonly Uint8Array[];
  readonly outputs: readonly Uint8Array[];
  /** Made by {@link onnxTensor} and its kin. */
  readonly initializers?: readonly Uint8Array[];
}

export interface ExternalRange {
  readonly location: string;
  readonly offset?: number | string;
  readonly length?: number | string;
}

export function onnxModel(graph: OnnxGraph, irVersion = IR_VERSION): Uint8Array<ArrayBuffer> {
  // Not `Uint8Array.from`, which takes byte by byte: a minute and gigabytes for a model of 512 MiB.
  return new Uint8Array(Buffer.concat([
    varintField(1, irVersion),
    bytesField(2, "larder"),
    messageField(7, onnxGraph(graph)),
    messageField(8, bytesField(1, ""), varintField(2, OPSET)),
    messageField(8, bytesField(1, ML_DOMAIN), varintField(2, ML_OPSET)),
  ]));
}

/** The fields of a `GraphProto`. */
export function onnxGraph({ nodes, inputs, outputs, initializers = [] }: OnnxGraph): Uint8Array {
  return Buffer.concat([
    ...nodes.map((node, i) => messageField(1, nodeFields(node, i))),
    bytesField(2, "graph"),
    ...initializers.map((tensor) => messageField(5, tensor)),
    ...inputs.map((value) => messageField(11, value)),
    ...outputs.map((value) => messageField(12, value)),
  ]);
}

/** A `ValueInfoProto`. @param type Made by {@link tensorType} and its kin. */
export function onnxValue(name: string, type: Uint8Array): Uint8Array {
  return Buffer.concat([bytesField(1, name), messageField(2, type)]);
}

/** A `TypeProto`. @param shape A dimension is a number, a name, or null when nothing is said; no shape at all when absent. */
export function tensorType(type: OnnxType, shape?: ReadonlyArray<number | string | null>): Uint8Array {
  const dimensions = shape?.map((one) => messageField(1, dimensionField(one)));
  return messageField(
    1,
    varintField(1, ONNX_TYPE[type]),
    ...(dimensions === undefined ? [] : [messageField(2, ...dimensions)]),
  );
}

export function sequenceType(element: Uint8Array): Uint8Array {
  return messageField(4, messageField(1, element));
}

export function mapType(key: OnnxType, value: Uint8Array): Uint8Array {
  return messageField(5, varintField(1, ONNX_TYPE[key]), messageField(2, value));
}

export function optionalType(element: Uint8Array): Uint8Array {
  return messageField(9, messageField(1, element));
}

/** A `TensorProto` with its values as they lie in memory. */
export function onnxTensor(
  name: string,
  type: OnnxType,
  dims: readonly number[],
  raw: Uint8Array,
): Uint8Array {
  return Buffer.concat([tensorFields(name, type, dims), bytesField(9, raw)]);
}

export function floatTensor(name: string, dims: readonly number[], values: readonly number[]): Uint8Array {
  return onnxTensor(name, "float32", dims, floatBytes(values));
}

export function int64Tensor(name: string, dims: readonly number[], values: readonly number[]): Uint8Array {
  return onnxTensor(name, "int64", dims, int64Bytes(values));
}

/** A `TensorProto` whose values lie in another file. */
export function externalTensor(
  name: string,
  type: OnnxType,
  dims: readonly number[],
  range: ExternalRange,
): Uint8Array {
  const entries = Object.entries(range).map(([key, value]) =>
    messageField(13, bytesField(1, key), bytesField(2, String(value)))
  );
  return Buffer.concat([tensorFields(name, type, dims), ...entries, varintField(14, 1)]);
}

function tensorFields(name: string, type: OnnxType, dims: readonly number[]): Uint8Array {
  return Buffer.concat([
    ...dims.map((one) => varintField(1, one)),
    varintField(2, ONNX_TYPE[type]),
    bytesField(8, name),
  ]);
}

function dimensionField(dimension: number | string | null): Uint8Array {
  if (dimension === null) return new Uint8Array();
  return typeof dimension === "number" ? varintField(1, dimension) : bytesField(2, dimension);
}

function nodeFields({ op, inputs, outputs, attributes = {}, domain }: OnnxNode, index: number): Uint8Array {
  return Buffer.concat([
    ...inputs.map((name) => bytesField(1, name)),
    ...outputs.map((name) => bytesField(2, name)),
    bytesField(3, `${op}_${index}`),
    bytesField(4, op),
    ...Object.entries(attributes).map(([name, value]) => messageField(5, attributeFields(name, value))),
    ...(domain === undefined ? [] : [bytesField(7, domain)]),
  ]);
}

function attributeFields(name: string, value: OnnxAttribute): Uint8Array {
  const type = (number: number) => varintField(20, number);
  const fields = "float" in value
    ? [floatField(2, value.float), type(1)]
    : "int" in value
    ? [varintField(3, value.int), type(2)]
    : "text" in value
    ? [bytesField(4, value.text), type(3)]
    : "tensor" in value
    ? [messageField(5, value.tensor), type(4)]
    : "graph" in value
    ? [messageField(6, value.graph), type(5)]
    : "floats" in value
    ? [...value.floats.map((one) => floatField(7, one)), type(6)]
    : "ints" in value
    ? [...value.ints.map((one) => varintField(8, one)), type(7)]
    : [...value.texts.map((one) => bytesField(9, one)), type(8)];
  return Buffer.concat([bytesField(1, name), ...fields]);
}
