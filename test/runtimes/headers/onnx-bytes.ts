import { onnxModel, type OnnxNode, onnxValue, tensorType } from "../../../scripts/onnx/onnx-proto.ts";

/** A graph that gives back what it takes. */
export const IDENTITY: OnnxNode = { op: "Identity", inputs: ["x"], outputs: ["y"] };
export const X = onnxValue("x", tensorType("float32", [1]));
export const Y = onnxValue("y", tensorType("float32", [1]));

export interface Parts {
  readonly nodes?: readonly OnnxNode[];
  readonly inputs?: readonly Uint8Array[];
  readonly outputs?: readonly Uint8Array[];
  readonly initializers?: readonly Uint8Array[];
}

/** A model that is right where nothing else is said. */
export function model(
  { nodes = [IDENTITY], inputs = [X], outputs = [Y], initializers = [] }: Parts = {},
): Uint8Array {
  return onnxModel({ nodes, inputs, outputs, initializers });
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}
