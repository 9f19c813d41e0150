import { expect, test } from "bun:test";
import { inspectFiles, inspectModel } from "../../../src/runtimes/headers/index.ts";
import { tinyGguf, tinySafetensors } from "../../helpers/model-files.ts";
import { linearOnnx, treeOnnx } from "../../helpers/onnx-files.ts";
import { mapType, onnxModel, onnxValue, tensorType } from "../../../scripts/onnx/onnx-proto.ts";
import { pseudoRandomBytes } from "../../helpers/pseudo-random.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import {
  ARCHITECTURE,
  ggufBytes,
  type GgufTensorWish,
  int32Value,
  textValue,
  uint16Value,
} from "./gguf-bytes.ts";
import { faultOf, modelFiles } from "./setup.ts";

type Contents = Readonly<Record<string, Uint8Array | string>>;

async function inspect(contents: Contents) {
  await using folder = await tempFolder();
  return await inspectModel(await modelFiles(folder.path, contents));
}

const fault = (contents: Contents) => faultOf(inspect(contents));
const BROKEN = expect.objectContaining({ code: "MODEL_BROKEN" });

test("a GGUF file is run by gguf", async () => {
  const { metadata, entry } = await inspect({ "README.md": "# GGUF", "m.gguf": tinyGguf({ fileType: 15 }) });
  expect(entry.path).toBe("m.gguf");
  expect(metadata).toEqual({
    ...{
      runtime: "gguf",
      architecture: "llama",
      parameters: 32,
      contextLength: 2048,
      quantization: "Q4_K_M",
      tasks: ["completion", "embedding"],
    },
    ...{ inputs: [], outputs: [], weightBytes: 128 },
  });
});

test.each([
  [{}, ["completion", "embedding"]],
  [{ chatTemplate: "{{ messages }}" }, ["completion", "chat", "embedding"]],
  [{ causal: true, chatTemplate: "{{ messages }}" }, ["completion", "chat", "embedding"]],
  [{ architecture: "bert", causal: false }, ["embedding"]],
  [{ causal: false, chatTemplate: "{{ messages }}" }, ["embedding"]],
])("what a GGUF file of %j can be asked for", async (options, tasks) => {
  const { metadata } = await inspect({ "m.gguf": tinyGguf(options) });
  expect(metadata.tasks as readonly string[]).toEqual(tasks);
});

test("inspectFiles() gives what inspectModel() has of the model", async () => {
  await using folder = await tempFolder();
  const files = await modelFiles(folder.path, { "m.gguf": tinyGguf() });
  expect(await inspectFiles(files)).toEqual((await inspectModel(files)).metadata);
});

test("one graph is run by onnx, with what config.json says of it", async () => {
  const config = JSON.stringify({ architectures: ["BertModel"], max_position_embeddings: 512 });
  const { metadata } = await inspect({ "config.json": config, "onnx/model.onnx": linearOnnx() });
  expect(metadata).toMatchObject({
    runtime: "onnx",
    architecture: "BertModel",
    contextLength: 512,
    quantization: "fp32",
  });
  expect(metadata.inputs).toEqual([{ name: "x", dtype: "float32", shape: ["batch", 4] }]);
});

test("the runtime is chosen from what is in the files, not from names", async () => {
  const runtimes = async (contents: Contents) => (await inspect(contents)).metadata.runtime;
  expect(await runtimes({ "onnx-model": tinyGguf() })).toBe("gguf");
  expect(await runtimes({ "gguf": linearOnnx() })).toBe("onnx");
  expect(await runtimes({ "model.bin": treeOnnx() })).toBe("onnx");
  expect((await inspect({ "model.bin": tinySafetensors() })).metadata).toMatchObject({
    runtime: "mapped",
    parameters: 16,
  });
  expect(await runtimes({ "llama-gguf-onnx/weights.dat": pseudoRandomBytes(1, 1000) })).toBe("mapped");
});

test("several graphs, which nothing here runs together, are mapped", async () => {
  const contents = { "encoder.onnx": linearOnnx(), "decoder.onnx": treeOnnx() };
  const { metadata } = await inspect(contents);
  const weightBytes = contents["encoder.onnx"].length + contents["decoder.onnx"].length;
  expect(metadata).toMatchObject({ runtime: "mapped", inputs: [], outputs: [], weightBytes });
});

test("an input that nobody can give is not supported", async () => {
  const inputs = [onnxValue("x", mapType("string", tensorType("float32")))];
  expect((await fault({ "m.onnx": onnxModel({ nodes: [], inputs, outputs: [] }) })).code).toBe(
    "NOT_SUPPORTED",
  );
});

test.each(["m.gguf", "m.GGUF", "m.onnx", "m.safetensors"])(
  "F01: %s is what its ending says, or it is broken",
  async (path) => {
    for (const content of ["", "version https://git-lfs.github.com/spec/v1\n", pseudoRandomBytes(3, 500)]) {
      expect(await fault({ [path]: content })).toEqual(BROKEN);
    }
  },
);

test("a model in ONNX Runtime's own form, which nobody can check, is not supported", async () => {
  const bytes = Buffer.concat([Buffer.from([0x20, 0, 0, 0]), Buffer.from("ORTM"), new Uint8Array(100)]);
  for (const path of ["m.ort", "m.onnx", "m"]) {
    expect((await fault({ [path]: bytes })).code).toBe("NOT_SUPPORTED");
  }
});

test("safetensors are mapped: parameters from their shapes, the rest from config.json", async () => {
  const config = {
    ...{ architectures: ["LlavaForConditionalGeneration"], text_config: { max_position_embeddings: 4096 } },
    quantization_config: { quant_method: "awq", bits: 4 },
  };
  const contents = {
    "config.json": JSON.stringify(config),
    "model-00001-of-00002.safetensors": tinySafetensors({
      tensors: { a: { dtype: "BF16", shape: [10, 10] } },
    }),
    "model-00002-of-00002.safetensors": tinySafetensors({ tensors: { b: { dtype: "F32", shape: [5] } } }),
  };
  const { metadata, weights } = await inspect(contents);
  expect(metadata).toEqual({
    ...{
      runtime: "mapped",
      architecture: "LlavaForConditionalGeneration",
      parameters: 105,
      contextLength: 4096,
    },
    ...{ quantization: "awq-4bit", inputs: [], outputs: [], weightBytes: 220 },
  });
  expect(weights).toHaveLength(2);
});

test("without config.json the quantization is the type of most bytes; packed weights do not tell their number", async () => {
  const mixed = { a: { dtype: "BF16", shape: [100] }, b: { dtype: "F32", shape: [5] } } as const;
  expect((await inspect({ "m.safetensors": tinySafetensors({ tensors: mixed }) })).metadata)
    .toMatchObject({ quantization: "bf16", parameters: 105 });
  const packed = { a: { dtype: "I32", shape: [100] }, b: { dtype: "F16", shape: [50] } } as const;
  expect((await inspect({ "m.safetensors": tinySafetensors({ tensors: packed }) })).metadata.parameters)
    .toBeNull();
  const config = JSON.stringify({ quantization: { group_size: 64, bits: 4 } });
  expect((await inspect({ "config.json": config, "m.safetensors": tinySafetensors() })).metadata.quantization)
    .toBe("mlx-4bit");
});

const part = (index: number, count: number, tensors: readonly GgufTensorWish[], total = 3) =>
  ggufBytes({
    pairs: [
      ...index === 0 ? [ARCHITECTURE] : [],
      ["split.no", uint16Value(index)],
      ["split.count", uint16Value(count)],
      ["split.tensors.count", int32Value(total)],
    ],
    ...{ tensors, dataBytes: 128 * tensors.length },
  });
const A = { name: "a", dimensions: [32] };
const B = { name: "b", dimensions: [32] };
const C = { name: "c", dimensions: [32] };

test("the parts of a split are one model, whose first part is what is opened", async () => {
  const { metadata, entry, weights } = await inspect({
    "q/m-00002-of-00002.gguf": part(1, 2, [C]),
    "q/m-00001-of-00002.gguf": part(0, 2, [A, B]),
  });
  expect(metadata).toMatchObject({
    runtime: "gguf",
    architecture: "llama",
    parameters: 96,
    weightBytes: 384,
  });
  expect(entry.path).toBe("q/m-00001-of-00002.gguf");
  expect(weights.map(({ path }) => path)).toEqual(["q/m-00001-of-00002.gguf", "q/m-00002-of-00002.gguf"]);
});

test.each<[string, Contents]>([
  ["a part that is missing", { "m-00001-of-00002.gguf": part(0, 2, [A, B]) }],
  ["a first part that is missing", { "m-00002-of-00002.gguf": part(1, 2, [C]) }],
  ["a part by another name", { "m-00001-of-00002.gguf": part(0, 2, [A, B]), "x.gguf": part(1, 2, [C]) }],
  ["parts whose names are exchanged", {
    "m-00001-of-00002.gguf": part(1, 2, [C]),
    "m-00002-of-00002.gguf": part(0, 2, [A, B]),
  }],
  ["a number beyond the count", { "m-00003-of-00002.gguf": part(2, 2, [C]) }],
  ["a tensor in both parts", {
    "m-00001-of-00002.gguf": part(0, 2, [A, B], 2),
    "m-00002-of-00002.gguf": part(1, 2, [B], 2),
  }],
  ["fewer tensors than it says", {
    "m-00001-of-00002.gguf": part(0, 2, [A], 3),
    "m-00002-of-00002.gguf": part(1, 2, [C]),
  }],
])("F05: a split with %s is refused", async (_, contents) => {
  expect(await fault(contents)).toEqual(BROKEN);
});

test("of several GGUF files the largest model is taken; projectors and importance matrices are none", async () => {
  const side = (architecture: string, kind: string) =>
    ggufBytes({
      pairs: [["general.architecture", textValue(architecture)], ["general.type", textValue(kind)]],
      ...{ tensors: [{ dimensions: [64, 64] }], dataBytes: 4 * 64 * 64 },
    });
  const { metadata, entry } = await inspect({
    "mmproj.gguf": side("clip", "mmproj"),
    "imatrix.gguf": side("llama", "imatrix"),
    "draft.gguf": tinyGguf({ tensors: { d: [4] } }),
    "model.gguf": tinyGguf({ tensors: { d: [40] } }),
  });
  expect([entry.path, metadata.parameters]).toEqual(["model.gguf", 40]);
  expect((await inspect({ "mmproj.gguf": side("clip", "mmproj") })).metadata.runtime).toBe("mapped");
});

test("F16: a pickle is never read, and it is said that it can run code", async () => {
  const bare = Buffer.concat([Buffer.from([0x80, 0x02, 0x63]), Buffer.from("os\nsystem\n(U\x02idtR.")]);
  const zip = Buffer.concat([
    Buffer.from("PK\x03\x04"),
    new Uint8Array(26),
    Buffer.from("archive/data.pkl"),
    bare,
  ]);
  for (
    const [path, content] of [["pytorch_model.bin", zip], ["weights", bare], ["m.ckpt", "anything"], [
      "m.pt",
      zip,
    ]] as const
  ) {
    const { metadata, notes } = await inspect({ [path]: content });
    expect(metadata).toMatchObject({ runtime: "mapped", parameters: null, weightBytes: content.length });
    expect(notes).toEqual([expect.stringContaining(path)]);
  }
  expect((await inspect({ "m.gguf": tinyGguf() })).notes).toEqual([]);
});

test("F18: a config.json that is too long, nested without end, or no JSON is not parsed, and tells nothing", async () => {
  const config = (text: string) => inspect({ "config.json": text, "m.safetensors": tinySafetensors() });
  const facts = { architectures: ["A"] };
  expect((await config(JSON.stringify(facts))).metadata.architecture).toBe("A");
  const long = JSON.stringify({ ...facts, padding: " ".repeat(2 ** 20) });
  const deep = `{"architectures":["A"],"x":${"[".repeat(400_000)}${"]".repeat(400_000)}}`;
  for (const text of [long, deep, `${JSON.stringify(facts)},`, "[]", "null", "", "\0"]) {
    expect((await config(text)).metadata.architecture).toBeNull();
  }
});

test("F18: values of config.json that cannot be right tell nothing", async () => {
  const config = JSON.stringify({
    architectures: ["a\nb"],
    model_type: { a: 1 },
    n_ctx: -1,
    max_position_embeddings: 1e300,
  });
  expect((await inspect({ "config.json": config, "m.safetensors": tinySafetensors() })).metadata)
    .toMatchObject({ architecture: null, contextLength: null });
});

test.each([
  ["../other/model.safetensors"],
  ["/etc/passwd"],
  ["https://host.test/model.safetensors"],
  ["a/../../model.safetensors"],
  ["C:\\model.safetensors"],
  [17],
  [null],
])("F21: a list of shards that names %j is refused", async (name) => {
  const index = JSON.stringify({ weight_map: { a: "model.safetensors", b: name } });
  expect(await fault({ "model.safetensors.index.json": index, "model.safetensors": tinySafetensors() }))
    .toEqual(BROKEN);
});

test("F21: a list of shards of which some are missing is refused; the list of another variant is not", async () => {
  const index = (...names: string[]) =>
    JSON.stringify({ weight_map: Object.fromEntries(names.map((name) => [name, name])) });
  const files = { "w/1.safetensors": tinySafetensors(), "w/2.safetensors": tinySafetensors() };
  const withIndex = (text: string) => ({ ...files, "w/model.safetensors.index.json": text });
  expect((await inspect(withIndex(index("1.safetensors", "2.safetensors")))).metadata.parameters).toBe(32);
  expect(await fault(withIndex(index("1.safetensors", "3.safetensors")))).toEqual(BROKEN);
  expect((await inspect(withIndex(index("fp16-1.safetensors")))).metadata.parameters).toBe(32);
  expect((await inspect(withIndex("{"))).metadata.parameters).toBe(32);
});

test("no files at all are no model", async () => {
  expect(await faultOf(inspectModel([]))).toEqual(BROKEN);
});

test("files of none of the formats are mapped as they are", async () => {
  const { metadata, entry } = await inspect({
    "a.bin": new Uint8Array(10),
    "b.bin": new Uint8Array(5),
    "empty": "",
  });
  expect(metadata).toMatchObject({
    runtime: "mapped",
    architecture: null,
    parameters: null,
    weightBytes: 15,
  });
  expect(entry.path).toBe("a.bin");
});

test("a signal ends the reading with its reason", async () => {
  await using folder = await tempFolder();
  const files = await modelFiles(folder.path, { "m.onnx": linearOnnx() });
  const reason = new Error("enough");
  expect(await inspectModel(files, AbortSignal.abort(reason)).catch((error) => error)).toBe(reason);
});
