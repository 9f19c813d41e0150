import { LarderError } from "../../core/index.ts";
import type { ModelMetadata, Tensor, TensorSpec } from "../../runtimes/index.ts";
import type { JsonInput, PredictRequest } from "../model-types.ts";
import { rowsFrom, tensorFrom } from "./json-tensors.ts";

/** Inputs as a client gives them, by the names that the model has for them. @throws {LarderError} BAD_INPUT */
export function toTensors(
  inputs: PredictRequest["inputs"],
  { runtime, inputs: specs }: ModelMetadata,
): Record<string, Tensor> {
  // What takes no tensors at all says so itself, and what else it can do.
  if (runtime !== "onnx") return {};
  if (Array.isArray(inputs)) {
    const [only, second] = specs;
    if (only === undefined || second !== undefined) throw inputsByName(specs);
    return { [only.name]: rowsFrom(inputs, only) };
  }
  const given = inputs as Readonly<Record<string, JsonInput>>;
  const unknown = Object.keys(given).find((name) => !specs.some((spec) => spec.name === name));
  if (unknown !== undefined) throw inputsByName(specs, unknown);
  return Object.fromEntries(specs.map((spec) => {
    const input = given[spec.name];
    if (input === undefined) throw inputsByName(specs);
    return [spec.name, tensorFrom(input, spec)];
  }));
}

function inputsByName(specs: readonly TensorSpec[], unknown?: string): LarderError {
  const names = specs.map(({ name, dtype, shape }) =>
    `${name} (${dtype}, [${shape.map((size) => size ?? "any").join(", ")}])`
  );
  const what = unknown === undefined ? "Cannot tell which input is which" : `Cannot use input ${unknown}`;
  return new LarderError("BAD_INPUT", what, {
    field: unknown === undefined ? "inputs" : `inputs.${unknown}`,
    hint: `Give by name: ${names.join(", ")}.`,
  });
}
