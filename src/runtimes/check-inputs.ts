import { LarderError } from "../core/index.ts";
import type { Dtype, ModelMetadata, Tensor, TensorData, TensorRun, TensorSpec } from "./types.ts";

const ARRAY_OF: Readonly<Record<Exclude<Dtype, "string">, new (...args: never[]) => TensorData>> = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
};

/**
 * Whether a model can be run with these tensors, as far as its header tells.
 *
 * @throws {LarderError} BAD_INPUT; its `field` is the input's name, or `outputs`.
 */
export function checkInputs(label: string, run: TensorRun, { inputs, outputs }: ModelMetadata): void {
  const wrong = (field: string, what: string) =>
    new LarderError("BAD_INPUT", `Cannot run ${label}: ${what}`, { field });
  for (const spec of inputs) {
    const tensor = run.inputs[spec.name];
    if (tensor === undefined) throw wrong(spec.name, `input ${spec.name} (${typeOf(spec)}) is missing`);
    const fault = faultOf(tensor, spec);
    if (fault) throw wrong(spec.name, `input ${spec.name} ${fault}`);
  }
  for (const name of Object.keys(run.inputs)) {
    if (!inputs.some((spec) => spec.name === name)) {
      throw wrong(name, `it has no input ${name}, but ${inputs.map((spec) => spec.name).join(", ")}`);
    }
  }
  for (const name of run.outputs ?? []) {
    if (!outputs.some((spec) => spec.name === name)) {
      throw wrong("outputs", `it has no output ${name}, but ${outputs.map((spec) => spec.name).join(", ")}`);
    }
  }
}

function faultOf(tensor: Tensor, spec: TensorSpec): string | undefined {
  const { dtype, shape, data } = tensor;
  if (dtype !== spec.dtype) return `is ${dtype}, but must be ${typeOf(spec)}`;
  const fits = shape.length === spec.shape.length && shape.every((size, i) => fitsIn(size, spec.shape[i]));
  if (!fits) return `has shape [${shape.join(", ")}], but must be ${typeOf(spec)}`;
  if (!holds(data, dtype)) return `has values of another kind than ${dtype}`;
  const count = shape.reduce((product, size) => product * size, 1);
  return data.length === count
    ? undefined
    : `has ${data.length} values, but shape [${shape.join(", ")}] needs ${count}`;
}

function fitsIn(size: number, allowed: number | string | null | undefined): boolean {
  if (!Number.isSafeInteger(size) || size < 0) return false;
  return typeof allowed !== "number" || allowed === size;
}

function holds(data: TensorData, dtype: Dtype): boolean {
  if (dtype === "string") return Array.isArray(data) && data.every((value) => typeof value === "string");
  return data instanceof ARRAY_OF[dtype];
}

/** `float32 [batch, 4]`; a dimension that nothing is said of is `?`. */
function typeOf({ dtype, shape }: TensorSpec): string {
  return `${dtype} [${shape.map((size) => size ?? "?").join(", ")}]`;
}
