import type { StructuredValue, Tensor, TensorData, TensorResult, TensorRun } from "../types.ts";

/** One run of all rows, in order. The runs are alike but for their rows: see `Share`. */
export function joinedRun(runs: readonly TensorRun[]): TensorRun {
  const [first] = runs;
  if (first === undefined) throw new Error("There is nothing to join");
  const names = Object.keys(first.inputs);
  return {
    ...first,
    inputs: Object.fromEntries(
      names.map((name) => [name, joinedTensor(runs.map(({ inputs }) => inputs[name] as Tensor))]),
    ),
  };
}

/** How many rows a run has: the first dimension of its inputs. */
export function rowsOf({ inputs }: TensorRun): number {
  const [first] = Object.values(inputs);
  return first?.shape[0] ?? 0;
}

/**
 * The part of each run in what a joined run gave.
 *
 * @param rows Of each run.
 * @returns Undefined when an output does not have one row for each row that went in.
 */
export function splitResult({ outputs }: TensorResult, rows: readonly number[]): TensorResult[] | undefined {
  const all = rows.reduce((sum, count) => sum + count, 0);
  const entries = Object.entries(outputs);
  if (entries.some(([, value]) => rowCount(value) !== all)) return undefined;
  let start = 0;
  return rows.map((count) => {
    const end = start + count;
    const part = { outputs: Object.fromEntries(entries.map(([name, it]) => [name, slice(it, start, end)])) };
    start = end;
    return part;
  });
}

function joinedTensor(tensors: readonly Tensor[]): Tensor {
  const [first] = tensors;
  if (first === undefined) throw new Error("There is nothing to join");
  const rows = tensors.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  const [, ...row] = first.shape;
  return { dtype: first.dtype, shape: [rows, ...row], data: joinedData(tensors.map(({ data }) => data)) };
}

/** @param parts All of one kind: they have the same dtype. */
function joinedData(parts: readonly TensorData[]): TensorData {
  const views = parts.filter((part) => ArrayBuffer.isView(part));
  const [first] = views;
  if (first === undefined) return (parts as readonly (readonly string[])[]).flat();
  const bytes = new Uint8Array(views.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const { buffer, byteOffset, byteLength } of views) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return new (first.constructor as new (buffer: ArrayBuffer) => TensorData)(bytes.buffer);
}

function rowCount(value: Tensor | StructuredValue): number | undefined {
  return "rows" in value ? value.rows.length : value.shape[0];
}

/** A copy, so that nobody is given the rows of others along with their own. */
function slice(value: Tensor | StructuredValue, start: number, end: number): Tensor | StructuredValue {
  if ("rows" in value) return { rows: value.rows.slice(start, end) };
  const [, ...row] = value.shape;
  const size = row.reduce((product, count) => product * count, 1);
  return { ...value, shape: [end - start, ...row], data: value.data.slice(start * size, end * size) };
}
