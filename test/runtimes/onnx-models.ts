import {
  int64Tensor,
  onnxModel,
  type OnnxType,
  onnxValue,
  sequenceType,
  tensorType,
} from "../../scripts/onnx/onnx-proto.ts";

/** Gives back what it takes, of any element type: `x` to `y`, shape [n]. */
export function identityOnnx(type: OnnxType): Uint8Array<ArrayBuffer> {
  return onnxModel({
    nodes: [{ op: "Identity", inputs: ["x"], outputs: ["y"] }],
    inputs: [onnxValue("x", tensorType(type, ["n"]))],
    outputs: [onnxValue("y", tensorType(type, ["n"]))],
  });
}

/** Multiplies `x: float32 [n, n]` with itself again and again, which takes a while: `y: float32 [n, n]` is x to the power of `times` + 1. */
export function powerOnnx(times: number): Uint8Array<ArrayBuffer> {
  const step = (i: number) => (i === 0 ? "x" : i === times ? "y" : `x${i}`);
  return onnxModel({
    nodes: Array.from({ length: times }, (_, i) => ({
      op: "MatMul",
      inputs: [step(i), "x"],
      outputs: [step(i + 1)],
    })),
    inputs: [onnxValue("x", tensorType("float32", ["n", "n"]))],
    outputs: [onnxValue("y", tensorType("float32", ["n", "n"]))],
  });
}

/** Runs with six values only: `x: float32 [n]` becomes `y: float32 [2, 3]`. */
export function reshapeOnnx(): Uint8Array<ArrayBuffer> {
  return onnxModel({
    nodes: [{ op: "Reshape", inputs: ["x", "shape"], outputs: ["y"] }],
    inputs: [onnxValue("x", tensorType("float32", ["n"]))],
    outputs: [onnxValue("y", tensorType("float32", [2, 3]))],
    initializers: [int64Tensor("shape", [2], [2, 3])],
  });
}

/** A sound file with an operator that nobody has. */
export function unknownOperatorOnnx(): Uint8Array<ArrayBuffer> {
  return onnxModel({
    nodes: [{ op: "Frobnicate", inputs: ["x"], outputs: ["y"] }],
    inputs: [onnxValue("x", tensorType("float32", ["n"]))],
    outputs: [onnxValue("y", tensorType("float32", ["n"]))],
  });
}

/** A sound file whose nodes do not fit together: it adds what it never got. */
export function danglingOnnx(): Uint8Array<ArrayBuffer> {
  return onnxModel({
    nodes: [{ op: "Add", inputs: ["x", "nobody"], outputs: ["y"] }],
    inputs: [onnxValue("x", tensorType("float32", ["n"]))],
    outputs: [onnxValue("y", tensorType("float32", ["n"]))],
  });
}

/** `x: float32 [n]` in pieces of one, as a sequence of tensors, and as it came: `pieces`, `y: float32 [n]`. */
export function splitOnnx(): Uint8Array<ArrayBuffer> {
  return onnxModel({
    nodes: [
      { op: "SplitToSequence", inputs: ["x"], outputs: ["pieces"] },
      { op: "Identity", inputs: ["x"], outputs: ["y"] },
    ],
    inputs: [onnxValue("x", tensorType("float32", ["n"]))],
    outputs: [
      onnxValue("pieces", sequenceType(tensorType("float32"))),
      onnxValue("y", tensorType("float32", ["n"])),
    ],
  });
}
