import type { StructuredSpec, TensorSpec } from "../types.ts";
import { shown } from "./fault.ts";
import { NAME_BYTES_MAX } from "./onnx-tensor.ts";
import { findOnnxType, type OnnxType } from "./onnx-types.ts";
import { type ProtoReader, VARINT } from "./proto-reader.ts";

type Shape = TensorSpec["shape"];

/** A `TypeProto`: a tensor that can be given and taken, or whatever else, as it is written. */
type ValueType =
  | { readonly kind: "tensor"; readonly type: OnnxType; readonly shape: Shape }
  | { readonly kind: "other"; readonly text: string };

const RANK_MAX = 64;

/**
 * Reads the field that was just met as a `ValueInfoProto`. A shape that the file leaves open altogether is given as `[]`, as ONNX
 * Runtime does.
 */
export async function readOnnxValue(field: ProtoReader): Promise<TensorSpec | StructuredSpec> {
  const at = field.position;
  let name = "";
  let type: ValueType | undefined;
  await field.walk(async (inner) => {
    if (inner.number === 1) name = await inner.text(NAME_BYTES_MAX, "name of a value");
    if (inner.number !== 2) return;
    if (type !== undefined) throw inner.broken("a value has two types");
    type = await readType(inner);
  });
  if (name === "") throw field.broken("an input or output has no name", at);
  if (type === undefined) throw field.broken(`the value ${shown(name)} has no type`, at);
  return toSpec(name, type);
}

function toSpec(name: string, type: ValueType): TensorSpec | StructuredSpec {
  if (type.kind === "tensor" && type.type.dtype !== null) {
    return { name, dtype: type.type.dtype, shape: type.shape };
  }
  return { name, type: toText(type) };
}

function toText(type: ValueType): string {
  return type.kind === "tensor" ? `tensor(${type.type.name})` : type.text;
}

const TENSOR = 1;
const SEQUENCE = 4;
const MAP = 5;
const OPAQUE = 7;
const SPARSE_TENSOR = 8;
const OPTIONAL = 9;

async function readType(field: ProtoReader): Promise<ValueType> {
  const at = field.position;
  let found: ValueType | undefined;
  const take = (inner: ProtoReader, type: ValueType) => {
    if (found !== undefined) throw inner.broken("a type is two things at once");
    found = type;
  };
  await field.walk(async (inner) => {
    const kind = inner.number;
    if (kind === TENSOR) take(inner, await readTensorType(inner));
    else if (kind === SPARSE_TENSOR) take(inner, other(`sparse_${toText(await readTensorType(inner))}`));
    else if (kind === SEQUENCE) take(inner, other(`seq(${await readElementType(inner)})`));
    else if (kind === OPTIONAL) take(inner, other(`optional(${await readElementType(inner)})`));
    else if (kind === MAP) take(inner, other(await readMapType(inner)));
    else if (kind === OPAQUE) take(inner, other("opaque()"));
  });
  if (found === undefined) throw field.broken("a type says nothing", at);
  return found;
}

function other(text: string): ValueType {
  return { kind: "other", text };
}

async function readTensorType(field: ProtoReader): Promise<ValueType> {
  const at = field.position;
  let type: OnnxType | undefined;
  let shape: Shape | undefined;
  await field.walk(async (inner) => {
    if (inner.number === 1) type = readElement(inner);
    if (inner.number !== 2) return;
    if (shape !== undefined) throw inner.broken("a tensor has two shapes");
    shape = await readShape(inner);
  });
  if (type === undefined) throw field.broken("a tensor's type has no type of elements", at);
  return { kind: "tensor", type, shape: shape ?? [] };
}

function readElement(field: ProtoReader): OnnxType {
  field.expect(VARINT);
  const type = findOnnxType(field.integer);
  if (type === undefined) throw field.broken(`there is no type ${field.integer} of elements`);
  return type;
}

async function readShape(field: ProtoReader): Promise<Shape> {
  const shape: (number | string | null)[] = [];
  await field.walk(async (inner) => {
    if (inner.number !== 1) return;
    shape.push(await readDimension(inner));
    if (shape.length > RANK_MAX) throw inner.broken(`a shape has more than ${RANK_MAX} dimensions`);
  });
  return shape;
}

/** Exporters write an unknown size as nothing, as an empty name, or as -1. */
async function readDimension(field: ProtoReader): Promise<number | string | null> {
  let size: number | string | null = null;
  await field.walk(async (inner) => {
    if (inner.number === 1) {
      inner.expect(VARINT);
      size = Number.isSafeInteger(inner.integer) && inner.integer >= 0 ? inner.integer : null;
    } else if (inner.number === 2) {
      const name = await inner.text(NAME_BYTES_MAX, "name of a dimension");
      size = name === "" ? null : name;
    }
  });
  return size;
}

async function readElementType(field: ProtoReader): Promise<string> {
  const at = field.position;
  let text: string | undefined;
  await field.walk(async (inner) => {
    if (inner.number === 1) text = toText(await readType(inner));
  });
  if (text === undefined) throw field.broken("a type has no type of elements", at);
  return text;
}

async function readMapType(field: ProtoReader): Promise<string> {
  const at = field.position;
  let key: string | undefined;
  let value: string | undefined;
  await field.walk(async (inner) => {
    if (inner.number === 1) key = readElement(inner).name;
    else if (inner.number === 2) value = toText(await readType(inner));
  });
  if (key === undefined || value === undefined) throw field.broken("a map lacks a type", at);
  return `map(${key},${value})`;
}
