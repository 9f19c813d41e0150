import type { Dtype, StructuredValue, Tensor, TensorData, TensorResult } from "../types.ts";

/**
 * How far two answers to one question may be apart, as a part of the largest value: sums of another order differ that much, and half
 * floats have three digits. Values that are no fractions have to be the same.
 */
const TOLERANCE: Partial<Readonly<Record<Dtype, number>>> = { float64: 1e-4, float32: 1e-4, float16: 1e-2 };

/** Whether both say the same, but for rounding. */
export function agree(a: TensorResult, b: TensorResult): boolean {
  const names = Object.keys(a.outputs);
  return names.length === Object.keys(b.outputs).length &&
    names.every((name) => valuesAgree(a.outputs[name], b.outputs[name]));
}

function valuesAgree(a: Tensor | StructuredValue | undefined, b: typeof a): boolean {
  if (a === undefined || b === undefined) return false;
  if ("rows" in a || "rows" in b) return "rows" in a && "rows" in b && rowsAgree(a.rows, b.rows);
  const areAlike = a.dtype === b.dtype && a.shape.length === b.shape.length &&
    a.shape.every((size, i) => size === b.shape[i]);
  return areAlike && dataAgrees(numbersOf(a), numbersOf(b), TOLERANCE[a.dtype] ?? 0);
}

function rowsAgree(a: StructuredValue["rows"], b: StructuredValue["rows"]): boolean {
  return a.length === b.length && a.every((row, i) => {
    const other = b[i] ?? {};
    const labels = Object.keys(row);
    return labels.length === Object.keys(other).length && dataAgrees(
      labels.map((label) => row[label] ?? Number.NaN),
      labels.map((label) => other[label] ?? Number.NaN),
      TOLERANCE.float32 ?? 0,
    );
  });
}

type Values = ArrayLike<number | bigint | string>;

function dataAgrees(a: Values, b: Values, tolerance: number): boolean {
  const apart = tolerance === 0 ? -1 : tolerance * largestOf(a);
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i], b[i]];
    const areSame = x === y || Object.is(x, y);
    if (!areSame && !(Math.abs(Number(x) - Number(y)) <= apart)) return false;
  }
  return a.length === b.length;
}

function largestOf(values: Values): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(Number(values[i]));
    if (size > largest && Number.isFinite(size)) largest = size;
  }
  return largest;
}

/** Half floats travel as their bits. */
function numbersOf({ dtype, data }: Tensor): TensorData | Float16Array {
  if (dtype !== "float16" || !ArrayBuffer.isView(data)) return data;
  return new Float16Array(data.buffer as ArrayBuffer, data.byteOffset, data.length);
}
