import {
  externalTensor,
  floatTensor,
  int64Tensor,
  mapType,
  onnxModel,
  type OnnxNode,
  onnxValue,
  sequenceType,
  tensorType,
} from "../../scripts/onnx/onnx-proto.ts";
import { floatBytes } from "../../scripts/onnx/protobuf.ts";
import { pseudoRandomBytes } from "./pseudo-random.ts";

const ML_DOMAIN = "ai.onnx.ml";
/** Some systems map external data, and for that its offset must be a multiple of a page; 64 KiB is one everywhere. */
const PAGE_BYTES = 64 * 1024;

/** `x: float32 [batch, 4]` → `y: float32 [batch, 3]`, `y = x · w + b`; {@link LINEAR_WEIGHTS} has w (row-major, [4, 3]) and b ([3]). */
export function linearOnnx(): Uint8Array<ArrayBuffer> {
  const { w, b } = LINEAR_WEIGHTS;
  return onnxModel({
    ...LINEAR_GRAPH,
    initializers: [floatTensor("w", [4, 3], w), floatTensor("b", [3], b)],
  });
}

/** The model of {@link linearOnnx} as older exporters write it: its weights are listed as inputs too. */
export function linearOnnxWithWeightInputs(): Uint8Array<ArrayBuffer> {
  const { w, b } = LINEAR_WEIGHTS;
  return onnxModel({
    ...LINEAR_GRAPH,
    inputs: [
      onnxValue("w", tensorType("float32", [4, 3])),
      ...LINEAR_GRAPH.inputs,
      onnxValue("b", tensorType("float32", [3])),
    ],
    initializers: [floatTensor("w", [4, 3], w), floatTensor("b", [3], b)],
  }, 3); // since version 4 of the IR such inputs are optional; before, they must be there
}

/** The model of {@link linearOnnx} with both weights in another file of the same folder, which has `data` in it. */
export function externalOnnx(
  location = "model.onnx_data",
): { readonly model: Uint8Array<ArrayBuffer>; readonly data: Uint8Array<ArrayBuffer> } {
  const { w, b } = LINEAR_WEIGHTS;
  const data = new Uint8Array(PAGE_BYTES + 12);
  data.set(floatBytes(w));
  data.set(floatBytes(b), PAGE_BYTES);
  const model = onnxModel({
    ...LINEAR_GRAPH,
    initializers: [
      externalTensor("w", "float32", [4, 3], { location, offset: 0, length: 48 }),
      externalTensor("b", "float32", [3], { location, offset: PAGE_BYTES, length: 12 }),
    ],
  });
  return { model, data };
}

export const LINEAR_WEIGHTS = {
  w: [1, -2, 0.5, 0.25, 3, -1, -0.75, 2, 4, 1.5, -0.5, 0.125],
  b: [0.5, -0.25, 2],
} as const;

const LINEAR_GRAPH = {
  nodes: [
    { op: "MatMul", inputs: ["x", "w"], outputs: ["xw"] },
    { op: "Add", inputs: ["xw", "b"], outputs: ["y"] },
  ],
  inputs: [onnxValue("x", tensorType("float32", ["batch", 4]))],
  outputs: [onnxValue("y", tensorType("float32", ["batch", 3]))],
};

export interface TreeOptions {
  /** Three classes; numbers or names. Default 0, 1, 2. */
  readonly labels?: readonly number[] | readonly string[];
  /** False gives the probabilities as they come out of the trees: float32 [batch, 3]. Default true. */
  readonly zipMap?: boolean;
}

/**
 * A forest of one tree over `float_input: float32 [batch, 4]`, as scikit-learn's converter writes it. Of the third feature (in 0, 2):
 * at most 2.5 → class 0 for certain; else, of the fourth, at most 1.75 → 0, 0.875, 0.125; else → 0, 0.0625, 0.9375.
 *
 * Gives `label: int64 or string [batch]` and `probabilities: seq(map(label, float))`.
 */
export function treeOnnx({ labels = [0, 1, 2], zipMap = true }: TreeOptions = {}): Uint8Array<ArrayBuffer> {
  const names = labels.filter((label) => typeof label === "string");
  const labelType = names.length > 0 ? "string" : "int64";
  const classes = (name: string) =>
    names.length > 0
      ? { [`${name}_strings`]: { texts: names } }
      : { [`${name}_int64s`]: { ints: labels.map(Number) } };
  const probabilities = zipMap
    ? sequenceType(mapType(labelType, tensorType("float32")))
    : tensorType("float32", ["batch", 3]);
  const zip: OnnxNode = {
    op: "ZipMap",
    domain: ML_DOMAIN,
    inputs: ["scores"],
    outputs: ["probabilities"],
    attributes: classes("classlabels"),
  };
  const tree: OnnxNode = {
    op: "TreeEnsembleClassifier",
    domain: ML_DOMAIN,
    inputs: ["float_input"],
    outputs: ["label", zipMap ? "scores" : "probabilities"],
    attributes: { ...TREE, ...classes("classlabels") },
  };
  return onnxModel({
    nodes: zipMap ? [tree, zip] : [tree],
    inputs: [onnxValue("float_input", tensorType("float32", ["batch", 4]))],
    outputs: [
      onnxValue("label", tensorType(labelType, ["batch"])),
      onnxValue("probabilities", probabilities),
    ],
  });
}

/** Nodes 0 and 2 ask, nodes 1, 3 and 4 are leaves. */
const TREE = {
  nodes_treeids: { ints: [0, 0, 0, 0, 0] },
  nodes_nodeids: { ints: [0, 1, 2, 3, 4] },
  nodes_featureids: { ints: [2, 0, 3, 0, 0] },
  nodes_modes: { texts: ["BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"] },
  nodes_values: { floats: [2.5, 0, 1.75, 0, 0] },
  nodes_truenodeids: { ints: [1, 0, 3, 0, 0] },
  nodes_falsenodeids: { ints: [2, 0, 4, 0, 0] },
  nodes_hitrates: { floats: [1, 1, 1, 1, 1] },
  nodes_missing_value_tracks_true: { ints: [0, 0, 0, 0, 0] },
  class_treeids: { ints: [0, 0, 0, 0, 0, 0, 0, 0, 0] },
  class_nodeids: { ints: [1, 1, 1, 3, 3, 3, 4, 4, 4] },
  class_ids: { ints: [0, 1, 2, 0, 1, 2, 0, 1, 2] },
  class_weights: { floats: [1, 0, 0, 0, 0.875, 0.125, 0, 0.0625, 0.9375] },
  post_transform: { text: "NONE" },
};

export interface TransformerOptions {
  /** Default 32. */
  readonly vocabulary?: number;
  /** Default 16. */
  readonly width?: number;
  readonly seed?: number;
}

/**
 * One layer of attention with a residual and a normalization, random weights: `input_ids: int64 [batch, sequence]` and
 * `attention_mask: int64 [batch, sequence]` → `logits: float32 [batch, sequence, vocabulary]`.
 */
export function transformerOnnx(options: TransformerOptions = {}): Uint8Array<ArrayBuffer> {
  const { vocabulary = 32, width = 16, seed = 1 } = options;
  const matrix = (name: string, rows: number, columns: number) =>
    floatTensor(name, [rows, columns], weights(`${seed} ${name}`, rows * columns));
  return onnxModel({
    nodes: TRANSFORMER_NODES,
    inputs: ["input_ids", "attention_mask"].map((name) =>
      onnxValue(name, tensorType("int64", ["batch", "sequence"]))
    ),
    outputs: [onnxValue("logits", tensorType("float32", ["batch", "sequence", vocabulary]))],
    initializers: [
      matrix("embedding", vocabulary, width),
      ...["query", "key", "value", "output"].map((name) => matrix(`${name}.weight`, width, width)),
      matrix("head", width, vocabulary),
      floatTensor("norm.weight", [width], weights(`${seed} norm`, width).map((one) => 1 + one)),
      floatTensor("norm.bias", [width], weights(`${seed} bias`, width)),
      floatTensor("scale", [], [1 / Math.sqrt(width)]),
      floatTensor("one", [], [1]),
      floatTensor("far", [], [-1e9]),
      int64Tensor("axis", [1], [1]),
    ],
  });
}

const TRANSFORMER_NODES: readonly OnnxNode[] = [
  { op: "Gather", inputs: ["embedding", "input_ids"], outputs: ["x"] },
  ...["query", "key", "value"].map((name) => ({
    op: "MatMul",
    inputs: ["x", `${name}.weight`],
    outputs: [name],
  })),
  { op: "Transpose", inputs: ["key"], outputs: ["turned"], attributes: { perm: { ints: [0, 2, 1] } } },
  { op: "MatMul", inputs: ["query", "turned"], outputs: ["scores"] },
  { op: "Mul", inputs: ["scores", "scale"], outputs: ["scaled"] },
  { op: "Cast", inputs: ["attention_mask"], outputs: ["mask"], attributes: { to: { int: 1 } } },
  { op: "Sub", inputs: ["one", "mask"], outputs: ["hidden"] },
  { op: "Mul", inputs: ["hidden", "far"], outputs: ["penalty"] },
  { op: "Unsqueeze", inputs: ["penalty", "axis"], outputs: ["penalties"] },
  { op: "Add", inputs: ["scaled", "penalties"], outputs: ["masked"] },
  { op: "Softmax", inputs: ["masked"], outputs: ["shares"], attributes: { axis: { int: -1 } } },
  { op: "MatMul", inputs: ["shares", "value"], outputs: ["context"] },
  { op: "MatMul", inputs: ["context", "output.weight"], outputs: ["projected"] },
  { op: "Add", inputs: ["x", "projected"], outputs: ["residual"] },
  {
    op: "LayerNormalization",
    inputs: ["residual", "norm.weight", "norm.bias"],
    outputs: ["normal"],
    attributes: { axis: { int: -1 }, epsilon: { float: 1e-5 } },
  },
  { op: "MatMul", inputs: ["normal", "head"], outputs: ["logits"] },
];

/** Numbers from -0.5 to 0.5, the same ones for the same name. */
function weights(name: string, count: number): number[] {
  const words = new Uint32Array(pseudoRandomBytes(Bun.hash.crc32(name), count * 4).buffer);
  return Array.from(words.subarray(0, count), (word) => word / 2 ** 32 - 0.5);
}
