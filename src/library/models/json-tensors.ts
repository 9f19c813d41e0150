import { LarderError } from "../../core/index.ts";
import type { Dtype, Tensor, TensorData, TensorSpec } from "../../runtimes/index.ts";
import type { JsonInput, JsonTensor } from "../model-types.ts";
import { bfloat16Bits, bfloat16Of, float16Bits, float16Of } from "./half-floats.ts";

/** Values of one tensor: what a request's limit of bytes lets in at most, as one digit and one comma each. */
const VALUES_MAX = 64 * 1024 * 1024;
const RANK_MAX = 16;

interface Written {
  readonly shape: readonly number[];
  /** In row-major order. */
  readonly values: readonly unknown[];
}

/**
 * A tensor as a client wrote it in JSON, checked against what the model takes.
 *
 * @throws {LarderError} BAD_INPUT naming the input, what it is and what is wrong with it.
 */
export function tensorFrom(input: JsonInput, spec: TensorSpec): Tensor {
  const { shape, values } = "data" in input ? writtenOut(input, spec) : nested(input, spec);
  checkShape(shape, spec);
  return { dtype: spec.dtype, shape, data: toData(values, spec) };
}

/** Rows for a model with one input: a single row may stand alone. */
export function rowsFrom(rows: readonly unknown[], spec: TensorSpec): Tensor {
  const isOneRow = spec.shape.length === 2 && rows.length > 0 && rows.every((value) => !Array.isArray(value));
  return tensorFrom(isOneRow ? [rows] : rows, spec);
}

/** What the client gets: nested arrays by shape. */
export function toJsonTensor({ dtype, shape, data }: Tensor): JsonTensor {
  return { dtype, shape, data: nest(jsonValues(dtype, data), shape) };
}

/** Plain values in row-major order: 64-bit integers as numbers where they are exact, else as strings; what JSON lacks as null. */
export function jsonValues(dtype: Dtype, data: TensorData): readonly (number | string | boolean | null)[] {
  switch (dtype) {
    case "string":
      return data as readonly string[];
    case "bool":
      return Array.from(data as Uint8Array, (value) => value !== 0);
    case "int64":
    case "uint64":
      return Array.from(data as BigInt64Array, (value) => {
        const number = Number(value);
        return Number.isSafeInteger(number) ? number : value.toString();
      });
    case "float16":
      return Array.from(data as Uint16Array, (bits) => finite(float16Of(bits)));
    case "bfloat16":
      return Array.from(data as Uint16Array, (bits) => finite(bfloat16Of(bits)));
    default:
      return Array.from(data as Float32Array, finite);
  }
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function nest(values: readonly unknown[], shape: readonly number[]): unknown {
  if (shape.length === 0) return values[0] ?? null;
  if (shape.length === 1) return values;
  const [rows = 0, ...rest] = shape;
  const width = rest.reduce((product, size) => product * size, 1);
  return Array.from({ length: rows }, (_, row) => nest(values.slice(row * width, (row + 1) * width), rest));
}

function writtenOut(input: Exclude<JsonInput, readonly unknown[]>, spec: TensorSpec): Written {
  const { dtype, shape, data } = input;
  if (dtype !== undefined && dtype !== spec.dtype) throw bad(spec, `it is given as ${dtype}`);
  if (shape.length > RANK_MAX || !shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw bad(spec, "its shape is not made of whole numbers from 0 on");
  }
  const values = data.flat(RANK_MAX);
  const count = shape.reduce((product, size) => product * size, 1);
  if (values.length !== count) {
    throw bad(spec, `it has ${values.length} values, its shape [${shape.join(", ")}] takes ${count}`);
  }
  return { shape, values };
}

function nested(input: readonly unknown[], spec: TensorSpec): Written {
  const shape: number[] = [];
  for (let level: unknown = input; Array.isArray(level); level = level[0]) {
    shape.push(level.length);
    if (shape.length > RANK_MAX) throw bad(spec, `it has more than ${RANK_MAX} dimensions`);
  }
  const values: unknown[] = [];
  flatten(input, shape, 0, values, spec);
  return { shape, values };
}

function flatten(
  level: readonly unknown[],
  shape: readonly number[],
  depth: number,
  values: unknown[],
  spec: TensorSpec,
): void {
  if (level.length !== shape[depth]) {
    throw bad(spec, `its rows are not of one length: ${shape[depth]} and ${level.length}`);
  }
  const isInnermost = depth === shape.length - 1;
  for (const value of level) {
    if (Array.isArray(value) === isInnermost) throw bad(spec, "it mixes values and arrays in one row");
    if (isInnermost) values.push(value);
    else flatten(value as readonly unknown[], shape, depth + 1, values, spec);
  }
  if (values.length > VALUES_MAX) throw bad(spec, `it has more than ${VALUES_MAX} values`);
}

/** A model that says nothing of a shape takes any. */
function checkShape(shape: readonly number[], spec: TensorSpec): void {
  const fits = shape.length === spec.shape.length &&
    spec.shape.every((size, index) => typeof size !== "number" || size === shape[index]);
  if (spec.shape.length > 0 && !fits) throw bad(spec, `it is given with shape [${shape.join(", ")}]`);
}

function toData(values: readonly unknown[], spec: TensorSpec): TensorData {
  const number = (value: unknown) => numberOf(value, spec);
  switch (spec.dtype) {
    case "string":
      return values.map((value) => stringOf(value, spec));
    case "bool":
      return Uint8Array.from(values, (value) => boolOf(value, spec));
    case "float32":
      return Float32Array.from(values as number[], number);
    case "float64":
      return Float64Array.from(values as number[], number);
    case "float16":
      return Uint16Array.from(values as number[], (value) => float16Bits(number(value)));
    case "bfloat16":
      return Uint16Array.from(values as number[], (value) => bfloat16Bits(number(value)));
    case "int64":
      return BigInt64Array.from(
        values as number[],
        (value) => bigOf(value, spec, -(2n ** 63n), 2n ** 63n - 1n),
      );
    case "uint64":
      return BigUint64Array.from(values.map((value) => bigOf(value, spec, 0n, 2n ** 64n - 1n)));
    default:
      return integers(values, spec, spec.dtype);
  }
}

const INTEGERS = {
  int8: [Int8Array, -128, 127],
  int16: [Int16Array, -32768, 32767],
  int32: [Int32Array, -2147483648, 2147483647],
  uint8: [Uint8Array, 0, 255],
  uint16: [Uint16Array, 0, 65535],
  uint32: [Uint32Array, 0, 4294967295],
} as const;

function integers(values: readonly unknown[], spec: TensorSpec, dtype: keyof typeof INTEGERS): TensorData {
  const [array, least, most] = INTEGERS[dtype];
  const wrong = values.find((value) =>
    !Number.isInteger(value) || Number(value) < least || Number(value) > most
  );
  if (wrong !== undefined) throw bad(spec, `${shown(wrong)} is no whole number from ${least} to ${most}`);
  return new array(values as number[]);
}

function numberOf(value: unknown, spec: TensorSpec): number {
  if (typeof value === "number") return value;
  throw bad(spec, `${shown(value)} is no number`);
}

function stringOf(value: unknown, spec: TensorSpec): string {
  if (typeof value === "string") return value;
  throw bad(spec, `${shown(value)} is no string`);
}

function boolOf(value: unknown, spec: TensorSpec): number {
  if (value === true || value === 1) return 1;
  if (value === false || value === 0) return 0;
  throw bad(spec, `${shown(value)} is neither true nor false`);
}

function bigOf(value: unknown, spec: TensorSpec, least: bigint, most: bigint): bigint {
  const isWritten = typeof value === "string" && /^-?\d{1,20}$/.test(value);
  if (isWritten || Number.isSafeInteger(value)) {
    const big = BigInt(value as string);
    if (big >= least && big <= most) return big;
  }
  throw bad(spec, `${shown(value)} is no whole number from ${least} to ${most}`);
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 40);
}

function bad({ name, dtype, shape }: TensorSpec, reason: string): LarderError {
  const sizes = shape.map((size) => size ?? "any").join(", ");
  return new LarderError("BAD_INPUT", `Cannot use input ${name}: ${reason}`, {
    field: `inputs.${name}`,
    hint: `Give ${dtype} of shape [${sizes}].`,
    details: { input: name, dtype, shape },
  });
}
