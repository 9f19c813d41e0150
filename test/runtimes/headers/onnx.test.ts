import { expect, test } from "bun:test";
import { parseOnnx } from "../../../src/runtimes/headers/index.ts";
import {
  linearOnnx,
  linearOnnxWithWeightInputs,
  transformerOnnx,
  treeOnnx,
} from "../../helpers/onnx-files.ts";
import {
  externalTensor,
  floatTensor,
  int64Tensor,
  mapType,
  onnxGraph,
  onnxModel,
  type OnnxNode,
  onnxTensor,
  type OnnxType,
  onnxValue,
  optionalType,
  sequenceType,
  tensorType,
} from "../../../scripts/onnx/onnx-proto.ts";
import {
  bytesField,
  floatBytes,
  floatField,
  messageField,
  tag,
  varint,
  varintField,
} from "../../../scripts/onnx/protobuf.ts";
import { IDENTITY, joined, model, X, Y } from "./onnx-bytes.ts";
import { faultOf, readerOf } from "./setup.ts";

const parse = (bytes: Uint8Array) => parseOnnx(readerOf(bytes));
const fault = (bytes: Uint8Array) => faultOf(parse(bytes));
const BROKEN = expect.objectContaining({ code: "MODEL_BROKEN", offset: expect.any(Number) });
const UNSUPPORTED = expect.objectContaining({ code: "NOT_SUPPORTED", offset: expect.any(Number) });

test("a model tells its inputs and outputs with types and shapes, and what its weights are", async () => {
  const bytes = linearOnnx();
  expect(await parse(bytes)).toEqual({
    inputs: [{ name: "x", dtype: "float32", shape: ["batch", 4] }],
    outputs: [{ name: "y", dtype: "float32", shape: ["batch", 3] }],
    architecture: null,
    parameters: 4 * 3 + 3,
    quantization: "fp32",
    weightBytes: bytes.length,
    external: [],
  });
});

test("weights that are listed as inputs too are no inputs", async () => {
  expect((await parse(linearOnnxWithWeightInputs())).inputs.map(({ name }) => name)).toEqual(["x"]);
  const values = floatTensor("x", [1], [1]);
  const indices = int64Tensor("where", [1], [0]);
  const sparse = joined(messageField(1, values), messageField(2, indices), varintField(3, 1));
  const graph = joined(onnxGraph({ nodes: [IDENTITY], inputs: [X], outputs: [Y] }), messageField(15, sparse));
  const bytes = joined(varintField(1, 8), messageField(7, graph), messageField(8, varintField(2, 17)));
  expect((await parse(bytes)).inputs).toEqual([]);
});

test("the outputs of a classifier are a label and a sequence of maps, and its trees are its architecture", async () => {
  const header = await parse(treeOnnx());
  expect(header.outputs).toEqual([
    { name: "label", dtype: "int64", shape: ["batch"] },
    { name: "probabilities", type: "seq(map(int64,tensor(float)))" },
  ]);
  expect(header).toMatchObject({
    architecture: "TreeEnsembleClassifier",
    parameters: null,
    quantization: null,
  });
  expect((await parse(treeOnnx({ labels: ["a", "b", "c"] }))).outputs).toEqual([
    { name: "label", dtype: "string", shape: ["batch"] },
    { name: "probabilities", type: "seq(map(string,tensor(float)))" },
  ]);
  expect((await parse(treeOnnx({ zipMap: false }))).outputs[1]).toEqual({
    ...{ name: "probabilities", dtype: "float32", shape: ["batch", 3] },
  });
});

test("a transformer's indices are not counted among its parameters", async () => {
  const header = await parse(transformerOnnx({ vocabulary: 64, width: 8 }));
  expect(header.parameters).toBe(64 * 8 + 4 * 8 * 8 + 8 * 64 + 2 * 8 + 3);
  expect(header.inputs).toEqual([
    { name: "input_ids", dtype: "int64", shape: ["batch", "sequence"] },
    { name: "attention_mask", dtype: "int64", shape: ["batch", "sequence"] },
  ]);
});

test("types that are no plain tensors are given as they are written", async () => {
  const float = tensorType("float32", [2]);
  const outputs = [
    onnxValue("a", sequenceType(float)),
    onnxValue("b", optionalType(sequenceType(tensorType("int64")))),
    onnxValue("c", mapType("string", tensorType("float64"))),
    onnxValue("d", tensorType("float8e4m3fn", [1])),
    onnxValue("e", tensorType("complex64", [1])),
    onnxValue("f", messageField(8, varintField(1, 1))),
  ];
  expect((await parse(model({ outputs }))).outputs.map((one) => "type" in one && one.type)).toEqual([
    "seq(tensor(float))",
    "optional(seq(tensor(int64)))",
    "map(string,tensor(double))",
    "tensor(float8e4m3fn)",
    "tensor(complex64)",
    "sparse_tensor(float)",
  ]);
});

test("a dimension may be a number, a name, or unknown in any of four ways; a shape may be left out", async () => {
  const inputs = [
    onnxValue("a", tensorType("float16", [0, 3, "rows", "", null, -1])),
    onnxValue("b", tensorType("bool")),
    onnxValue("c", tensorType("string", [])),
  ];
  expect((await parse(model({ inputs }))).inputs).toEqual([
    { name: "a", dtype: "float16", shape: [0, 3, "rows", null, null, null] },
    { name: "b", dtype: "bool", shape: [] },
    { name: "c", dtype: "string", shape: [] },
  ]);
});

test.each<[string, OnnxType, string | null]>([
  ["float32", "float32", "fp32"],
  ["float16", "float16", "fp16"],
  ["bfloat16", "bfloat16", "bf16"],
  ["uint8", "uint8", "uint8"],
  ["int8", "int8", "int8"],
  ["int4", "int4", "int4"],
  ["int64", "int64", null],
])("weights of %s are the quantization, when most bytes are of them", async (_, type, expected) => {
  const bits =
    { float32: 32, float16: 16, bfloat16: 16, uint8: 8, int8: 8, int4: 4, int64: 64 }[type as string] ?? 0;
  const initializers = [onnxTensor("w", type, [100], new Uint8Array(100 * bits / 8))];
  expect((await parse(model({ initializers }))).quantization).toBe(expected);
});

test("packed weights tell their bits, and not their number", async () => {
  const node: OnnxNode = {
    ...{ op: "MatMulNBits", inputs: ["x", "w"], outputs: ["y"], domain: "com.microsoft" },
    attributes: { K: { int: 64 }, N: { int: 1 }, bits: { int: 4 }, block_size: { int: 32 } },
  };
  const packed = onnxTensor("w", "uint8", [1, 2, 16], new Uint8Array(32));
  const scales = (type: OnnxType, width: number) => onnxTensor("s", type, [2], new Uint8Array(2 * width));
  const bytes = (scale: Uint8Array) => model({ nodes: [node], initializers: [packed, scale] });
  expect(await parse(bytes(scales("float32", 4)))).toMatchObject({ quantization: "q4", parameters: null });
  expect(await parse(bytes(scales("float16", 2)))).toMatchObject({ quantization: "q4f16" });
});

test("numbers and shapes may be packed or not, values may lie in the field of their type", async () => {
  const float = joined(varintField(1, 3), varintField(2, 1), messageField(4, floatBytes([1, 2, 3])));
  const floats = joined(
    messageField(1, varint(3)),
    varintField(2, 1),
    ...[1, 2, 3].map((one) => floatField(4, one)),
  );
  const int64 = joined(
    messageField(1, varint(2), varint(2)),
    varintField(2, 7),
    messageField(7, ...[1, 2, 3, 4].map(varint)),
  );
  const int32 = joined(varintField(1, 2), varintField(2, 6), varintField(5, 1), varintField(5, -1));
  const int4 = joined(varintField(1, 3), varintField(2, 22), varintField(5, 0x21), varintField(5, 3));
  const text = joined(varintField(1, 2), varintField(2, 8), bytesField(6, "a"), bytesField(6, ""));
  const initializers = [float, floats, int64, int32, int4, text].map((one, i) =>
    joined(one, bytesField(8, `w${i}`))
  );
  expect((await parse(model({ initializers }))).parameters).toBe(3 + 3 + 3);
});

test("tensors are found in subgraphs, functions, attributes and training, however deep they are", async () => {
  const weight = floatTensor("w", [2], [1, 2]);
  const lost = externalTensor("lost", "float32", [2], { location: "a.bin" });
  const branch = onnxGraph({ nodes: [], inputs: [], outputs: [Y], initializers: [weight, lost] });
  const attributes = { then_branch: { graph: branch }, else_branch: { graph: branch } };
  const inside: OnnxNode = { op: "If", inputs: ["c"], outputs: ["y"], attributes };
  const outer = onnxGraph({ nodes: [inside], inputs: [], outputs: [Y] });
  const node: OnnxNode = { op: "Loop", inputs: [], outputs: ["y"], attributes: { body: { graph: outer } } };
  const constant: OnnxNode = {
    op: "Constant",
    inputs: [],
    outputs: ["k"],
    attributes: { value: { tensor: weight } },
  };
  const body = joined(
    bytesField(1, "f"),
    messageField(7, bytesField(4, "Constant"), messageField(5, messageField(5, weight))),
  );
  const bytes = joined(
    model({ nodes: [node, constant] }),
    messageField(20, messageField(2, outer)),
    messageField(25, body),
  );
  const header = await parse(bytes);
  expect(header.parameters).toBe(4 * 2 + 2 + 2 + 4 * 2);
  expect(header.external).toEqual([{ location: "a.bin", endBytes: 8, tensor: "lost" }]);
});

test("a version that ONNX Runtime cannot read is not supported, and none at all is broken", async () => {
  const graph = { nodes: [IDENTITY], inputs: [X], outputs: [Y] };
  expect((await parse(onnxModel(graph, 13))).inputs).toHaveLength(1);
  expect(await fault(onnxModel(graph, 14))).toEqual(UNSUPPORTED);
  expect(await fault(onnxModel(graph, 0))).toEqual(BROKEN);
  expect(await fault(onnxModel(graph, -1))).toEqual(BROKEN);
  expect(await fault(joined(messageField(7, onnxGraph(graph)), messageField(8, varintField(2, 17))))).toEqual(
    BROKEN,
  );
  expect(await fault(joined(varintField(1, 8), messageField(7, onnxGraph(graph))))).toEqual(BROKEN);
  expect(await fault(joined(varintField(1, 8), messageField(8, varintField(2, 17))))).toEqual(BROKEN);
  expect(await fault(new Uint8Array())).toEqual(BROKEN);
});

test("an input or output without a name or a type, or one that is there twice, is refused", async () => {
  expect(await fault(model({ inputs: [bytesField(1, "x")] }))).toEqual(BROKEN);
  expect(await fault(model({ inputs: [onnxValue("", tensorType("float32"))] }))).toEqual(BROKEN);
  expect(await fault(model({ inputs: [X, X] }))).toEqual(BROKEN);
  expect(await fault(model({ outputs: [Y, Y] }))).toEqual(BROKEN);
  expect(await fault(model({ inputs: [onnxValue("x", new Uint8Array())] }))).toEqual(BROKEN);
  expect(await fault(model({ inputs: [onnxValue("x", messageField(1, varintField(1, 0)))] }))).toEqual(
    BROKEN,
  );
  expect(await fault(model({ inputs: [onnxValue("x", messageField(1, varintField(1, 29)))] }))).toEqual(
    BROKEN,
  );
  expect(await fault(model({ inputs: [onnxValue("x", messageField(5, varintField(1, 7)))] }))).toEqual(
    BROKEN,
  );
});

test("what a file says twice, and two readers could take differently, is refused", async () => {
  const float = tensorType("float32", [1]);
  const two = (type: Uint8Array) => model({ inputs: [onnxValue("x", type)] });
  expect(await fault(two(joined(float, float)))).toEqual(BROKEN);
  expect(await fault(two(joined(float, sequenceType(float))))).toEqual(BROKEN);
  expect(await fault(model({ inputs: [joined(X, messageField(2, float))] }))).toEqual(BROKEN);
  const shapes = messageField(1, varintField(1, 1), messageField(2), messageField(2));
  expect(await fault(two(shapes))).toEqual(BROKEN);
  expect(await fault(joined(model(), messageField(7, bytesField(2, "again"))))).toEqual(BROKEN);
});

test("of a file of nearly 2 GiB the values are stepped over", async () => {
  const rows = 500_000;
  const size = rows * 4000;
  const tensor = joined(
    varintField(1, rows),
    varintField(1, 1000),
    varintField(2, 1),
    bytesField(8, "w"),
    tag(9, 2),
    varint(size),
  );
  const graph = joined(
    messageField(11, X),
    messageField(12, Y),
    tag(5, 2),
    varint(tensor.length + size),
    tensor,
  );
  const opset = messageField(8, varintField(2, 17));
  const head = joined(varintField(1, 8), opset, tag(7, 2), varint(graph.length + size), graph);
  const reader = readerOf(head, { sizeBytes: head.length + size });
  expect(await parseOnnx(reader)).toMatchObject({ parameters: rows * 1000, weightBytes: head.length + size });
  expect(reader.reads.reduce((sum, one) => sum + one)).toBeLessThan(100_000);
});

test("a name that is not UTF-8, or longer than any name, is refused", async () => {
  expect(
    await fault(
      model({ inputs: [joined(bytesField(1, Uint8Array.of(0xff)), messageField(2, tensorType("float32")))] }),
    ),
  )
    .toEqual(BROKEN);
  expect(await fault(model({ inputs: [onnxValue("x".repeat(4097), tensorType("float32"))] }))).toEqual(
    BROKEN,
  );
});
