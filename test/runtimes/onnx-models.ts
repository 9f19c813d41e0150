import {
  floatTensor,
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

/** `x: float32 [batch, n]` → `y: float32 [batch]`, the sum of each row. */
export function rowSumOnnx(): Uint8Array<ArrayBuffer> {
  return onnxModel({
    nodes: [{
      op: "ReduceSum",
      inputs: ["x", "axes"],
      outputs: ["y"],
      attributes: { keepdims: { int: 0 } },
    }],
    inputs: [onnxValue("x", tensorType("float32", ["batch", "n"]))],
    outputs: [onnxValue("y", tensorType("float32", ["batch"]))],
    initializers: [int64Tensor("axes", [1], [1])],
  });
}

/** Rows that know of each other: `x: float32 [batch, 2]` → `y: float32 [batch, 2]`, a softmax down each column. */
export function columnSoftmaxOnnx(): Uint8Array<ArrayBuffer> {
  return onnxModel({
    nodes: [{ op: "Softmax", inputs: ["x"], outputs: ["y"], attributes: { axis: { int: 0 } } }],
    inputs: [onnxValue("x", tensorType("float32", ["batch", 2]))],
    outputs: [onnxValue("y", tensorType("float32", ["batch", 2]))],
  });
}

/** `x: float32 [?, 2]` → `y: float32 [?, 2]`, the mean of all rows in one, as the header does not tell. */
export function columnMeanOnnx(): Uint8Array<ArrayBuffer> {
  return onnxModel({
    nodes: [{ op: "ReduceMean", inputs: ["x"], outputs: ["y"], attributes: { axes: { ints: [0] } } }],
    inputs: [onnxValue("x", tensorType("float32", [null, 2]))],
    outputs: [onnxValue("y", tensorType("float32", [null, 2]))],
  });
}

/** A table of 10, 20, 30: `index: int64 [batch]` → `y: float32 [batch]`. Another index than 0, 1 and 2 is an error. */
export function tableOnnx(): Uint8Array<ArrayBuffer> {
  return onnxModel({
    nodes: [{ op: "Gather", inputs: ["table", "index"], outputs: ["y"] }],
    inputs: [onnxValue("index", tensorType("int64", ["batch"]))],
    outputs: [onnxValue("y", tensorType("float32", ["batch"]))],
    initializers: [floatTensor("table", [3], [10, 20, 30])],
  });
}
