import {
  floatTensor,
  mapType,
  type OnnxAttribute,
  onnxModel,
  onnxValue,
  sequenceType,
  tensorType,
} from "../onnx/onnx-proto.ts";
import type { Question, TreeNode } from "./forest.ts";
import { FEATURES, SPECIES } from "./iris.ts";
import type { LogisticModel } from "./logistic.ts";

const ML_DOMAIN = "ai.onnx.ml";
const INPUT = onnxValue("float_input", tensorType("float32", ["N", FEATURES.length]));

/**
 * `float_input: float32 [N, 4]` → `label: int64 [N]`, the index of the species, and `probabilities: float32 [N, 3]`. Operators of
 * ai.onnx 17.
 */
export function logisticOnnx({ weights, bias }: LogisticModel): Uint8Array<ArrayBuffer> {
  return onnxModel({
    nodes: [
      { op: "MatMul", inputs: ["float_input", "weights"], outputs: ["weighted"] },
      { op: "Add", inputs: ["weighted", "bias"], outputs: ["scores"] },
      { op: "Softmax", inputs: ["scores"], outputs: ["probabilities"], attributes: { axis: { int: 1 } } },
      {
        op: "ArgMax",
        inputs: ["scores"],
        outputs: ["label"],
        attributes: { axis: { int: 1 }, keepdims: { int: 0 } },
      },
    ],
    inputs: [INPUT],
    outputs: [
      onnxValue("label", tensorType("int64", ["N"])),
      onnxValue("probabilities", tensorType("float32", ["N", SPECIES.length])),
    ],
    initializers: [
      floatTensor("weights", [FEATURES.length, SPECIES.length], weights.flat()),
      floatTensor("bias", [SPECIES.length], bias),
    ],
  });
}

/**
 * `float_input: float32 [N, 4]` → `output_label: string [N]` and `output_probability: seq(map(string, float32))`, as converters of
 * scikit-learn models write it. Operators of ai.onnx.ml 3.
 */
export function forestOnnx(trees: readonly TreeNode[]): Uint8Array<ArrayBuffer> {
  return onnxModel({
    nodes: [
      {
        op: "TreeEnsembleClassifier",
        domain: ML_DOMAIN,
        inputs: ["float_input"],
        outputs: ["output_label", "shares"],
        attributes: {
          classlabels_strings: { texts: SPECIES },
          post_transform: { text: "NONE" },
          ...questionAttributes(trees),
          ...leafAttributes(trees),
        },
      },
      {
        op: "ZipMap",
        domain: ML_DOMAIN,
        inputs: ["shares"],
        outputs: ["output_probability"],
        attributes: { classlabels_strings: { texts: SPECIES } },
      },
    ],
    inputs: [INPUT],
    outputs: [
      onnxValue("output_label", tensorType("string", ["N"])),
      onnxValue("output_probability", sequenceType(mapType("string", tensorType("float32")))),
    ],
  });
}

type Attributes = Readonly<Record<string, OnnxAttribute>>;

/** A node with its place; a leaf has 0 where a question has its children. */
interface Placed {
  readonly tree: number;
  readonly id: number;
  readonly node: TreeNode;
  readonly low: number;
  readonly high: number;
}

function questionAttributes(trees: readonly TreeNode[]): Attributes {
  const nodes = trees.flatMap(placed);
  const asked = <T>(ask: (node: Question) => T, otherwise: T) =>
    nodes.map(({ node }) => "shares" in node ? otherwise : ask(node));
  return {
    nodes_treeids: { ints: nodes.map(({ tree }) => tree) },
    nodes_nodeids: { ints: nodes.map(({ id }) => id) },
    nodes_modes: { texts: asked(() => "BRANCH_LEQ", "LEAF") },
    nodes_featureids: { ints: asked(({ feature }) => feature, 0) },
    nodes_values: { floats: asked(({ threshold }) => threshold, 0) },
    nodes_truenodeids: { ints: nodes.map(({ low }) => low) },
    nodes_falsenodeids: { ints: nodes.map(({ high }) => high) },
  };
}

function leafAttributes(trees: readonly TreeNode[]): Attributes {
  const votes = trees.flatMap(placed).flatMap(({ tree, id, node }) =>
    "shares" in node ? node.shares.map((share, species) => ({ tree, id, share, species })) : []
  );
  return {
    class_treeids: { ints: votes.map(({ tree }) => tree) },
    class_nodeids: { ints: votes.map(({ id }) => id) },
    class_ids: { ints: votes.map(({ species }) => species) },
    class_weights: { floats: votes.map(({ share }) => share) },
  };
}

/** The nodes of a tree, each before its children, numbered in that order. */
function placed(root: TreeNode, tree: number): Placed[] {
  const nodes: Placed[] = [];
  const place = (node: TreeNode): number => {
    const id = nodes.push({ tree, id: nodes.length, node, low: 0, high: 0 }) - 1;
    if (!("shares" in node)) nodes[id] = { tree, id, node, low: place(node.low), high: place(node.high) };
    return id;
  };
  place(root);
  return nodes;
}
