import { expect, test } from "bun:test";
import type { Dtype, Tensor, TensorData } from "../../src/runtimes/index.ts";
import { externalOnnx, linearOnnx, treeOnnx } from "../helpers/onnx-files.ts";
import { identityOnnx, reshapeOnnx, splitOnnx } from "./onnx-models.ts";
import { type Bench, bench, failureOf } from "./setup.ts";

const TIMEOUT_MS = 30_000;

async function loadOnnx(it: Bench, model: Uint8Array, others: Record<string, Uint8Array> = {}) {
  return await it.runtimes.load(
    await it.request({ "model.onnx": model, ...others }, { isolation: "process" }),
  );
}

/** Three values of each type, with its ends where it has some. Halves: 1, -2 and the largest, as their bits. */
const VALUES: Readonly<Partial<Record<Dtype, TensorData>>> = {
  float32: Float32Array.of(0.5, -1.25, 3.4e38),
  float64: Float64Array.of(0.1, -2.5, 1.7e308),
  float16: Uint16Array.of(0x3c00, 0xc000, 0x7bff),
  int8: Int8Array.of(-128, 0, 127),
  int32: Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1),
  int64: BigInt64Array.of(-(2n ** 63n), 0n, 2n ** 63n - 1n),
  uint8: Uint8Array.of(0, 1, 255),
  bool: Uint8Array.of(1, 0, 1),
  string: ["", "a b", "grüße 👋"],
};

test("tensors of every type come back as they were given", async () => {
  await using it = await bench();
  for (const [dtype, data] of Object.entries(VALUES)) {
    const model = await loadOnnx(it, identityOnnx(dtype as "float32"));
    const x = { dtype: dtype as Dtype, shape: [3], data };
    expect((await model.run({ kind: "tensors", inputs: { x } })).outputs).toEqual({ y: x });
    await model.dispose();
  }
}, TIMEOUT_MS);

test(
  "a tensor without elements, and a view of a larger buffer, are given whole and nothing more",
  async () => {
    await using it = await bench();
    const model = await it.runtimes.load(await it.request({ "model.onnx": identityOnnx("float32") }));
    const run = async (data: Float32Array, shape: number[]) =>
      (await model.run({ kind: "tensors", inputs: { x: { dtype: "float32", shape, data } } })).outputs["y"];
    const large = Float32Array.of(1, 2, 3, 4);
    expect(await run(large.subarray(1, 3), [2])).toEqual({
      dtype: "float32",
      shape: [2],
      data: Float32Array.of(2, 3),
    });
    expect(large).toEqual(Float32Array.of(1, 2, 3, 4));
    expect(await run(new Float32Array(), [0])).toEqual({
      dtype: "float32",
      shape: [0],
      data: new Float32Array(),
    });
  },
  TIMEOUT_MS,
);

test("tensors that fill their buffer move to the model and are gone for the caller", async () => {
  await using it = await bench();
  const model = await it.runtimes.load(await it.request({ "model.onnx": identityOnnx("float32") }));
  const data = Float32Array.of(1, 2);
  await model.run({ kind: "tensors", inputs: { x: { dtype: "float32", shape: [2], data } } });
  expect(data.byteLength).toBe(0);
}, TIMEOUT_MS);

test("a tensor type that cannot be given is refused by its input's name", async () => {
  await using it = await bench();
  const model = await loadOnnx(it, identityOnnx("bfloat16"));
  const x = { dtype: "bfloat16", shape: [1], data: Uint16Array.of(0x3f80) } as const;
  expect(await failureOf(model.run({ kind: "tensors", inputs: { x } }))).toMatchObject({
    code: "NOT_SUPPORTED",
    field: "x",
  });
}, TIMEOUT_MS);

test("a text that the runtime would cut short is refused", async () => {
  await using it = await bench();
  const model = await loadOnnx(it, identityOnnx("string"));
  const x = { dtype: "string", shape: [1], data: ["a\0b"] } as const;
  expect(await failureOf(model.run({ kind: "tensors", inputs: { x } }))).toMatchObject({
    code: "BAD_INPUT",
    field: "x",
  });
}, TIMEOUT_MS);

/** Petal length and width, the third and fourth feature, decide. */
const FLOWERS = { dtype: "float32", shape: [3, 4], data: [5, 3, 1, 0, 6, 3, 4, 1, 6, 3, 6, 2] } as const;
const flowers = (): Tensor => ({ ...FLOWERS, data: Float32Array.from(FLOWERS.data) });

test("a ZipMap's probabilities come back by label, beside the labels", async () => {
  await using it = await bench();
  const model = await loadOnnx(it, treeOnnx());
  expect((await model.run({ kind: "tensors", inputs: { float_input: flowers() } })).outputs).toEqual({
    label: { dtype: "int64", shape: [3], data: BigInt64Array.of(0n, 1n, 2n) },
    probabilities: {
      rows: [{ "0": 1, "1": 0, "2": 0 }, { "0": 0, "1": 0.875, "2": 0.125 }, {
        "0": 0,
        "1": 0.0625,
        "2": 0.9375,
      }],
    },
  });
}, TIMEOUT_MS);

test("a ZipMap's labels may be names", async () => {
  await using it = await bench();
  const labels = ["setosa", "versicolor", "__proto__"];
  const model = await loadOnnx(it, treeOnnx({ labels }));
  const { outputs } = await model.run({
    kind: "tensors",
    inputs: { float_input: flowers() },
    outputs: ["probabilities"],
  });
  expect(Object.keys(outputs)).toEqual(["probabilities"]);
  const rows = "rows" in (outputs["probabilities"] ?? {})
    ? (outputs["probabilities"] as { rows: object[] }).rows
    : [];
  expect(rows.map((row) => Object.entries(row))).toEqual([
    [["setosa", 1], ["versicolor", 0], ["__proto__", 0]],
    [["setosa", 0], ["versicolor", 0.875], ["__proto__", 0.125]],
    [["setosa", 0], ["versicolor", 0.0625], ["__proto__", 0.9375]],
  ]);
}, TIMEOUT_MS);

test("probabilities without a ZipMap are a tensor", async () => {
  await using it = await bench();
  const model = await loadOnnx(it, treeOnnx({ zipMap: false }));
  const { outputs } = await model.run({ kind: "tensors", inputs: { float_input: flowers() } });
  expect(outputs["probabilities"]).toEqual({
    ...{ dtype: "float32", shape: [3, 3] },
    data: Float32Array.of(1, 0, 0, 0, 0.875, 0.125, 0, 0.0625, 0.9375),
  });
}, TIMEOUT_MS);

test(
  "an output that is another sequence is refused by name, and the others can be had without it",
  async () => {
    await using it = await bench();
    const model = await loadOnnx(it, splitOnnx());
    const x = () => ({ dtype: "float32", shape: [2], data: Float32Array.of(1, 2) }) as const;
    expect(await failureOf(model.run({ kind: "tensors", inputs: { x: x() } })))
      .toMatchObject({ code: "NOT_SUPPORTED", message: expect.stringContaining("pieces") });
    expect((await model.run({ kind: "tensors", inputs: { x: x() }, outputs: ["y"] })).outputs).toEqual({
      y: x(),
    });
  },
  TIMEOUT_MS,
);

test("weights in another file are found by the name that the model gives them", async () => {
  await using it = await bench();
  const { model, data } = externalOnnx("weights/part.bin");
  const request = await it.request({ "onnx/model.onnx": model, "onnx/weights/part.bin": data });
  for (const isolation of ["thread", "process"] as const) {
    const loaded = await it.runtimes.load({ ...request, isolation });
    const x = { dtype: "float32", shape: [1, 4], data: Float32Array.of(1, 2, 3, 4) } as const;
    expect((await loaded.run({ kind: "tensors", inputs: { x } })).outputs["y"])
      .toEqual({ dtype: "float32", shape: [1, 3], data: Float32Array.of(5.75, 7.75, 13) });
  }
}, TIMEOUT_MS);

test("what only shows when the model runs is the input's fault, and the model goes on", async () => {
  await using it = await bench();
  const model = await loadOnnx(it, reshapeOnnx());
  const run = (count: number) => {
    const x = { dtype: "float32", shape: [count], data: new Float32Array(count) } as const;
    return model.run({ kind: "tensors", inputs: { x } });
  };
  expect(await failureOf(run(5))).toMatchObject({
    code: "BAD_INPUT",
    message: expect.stringContaining("Reshape"),
  });
  expect((await run(6)).outputs["y"]).toMatchObject({ shape: [2, 3] });
}, TIMEOUT_MS);

test("unknown options are refused by name before anything is started", async () => {
  await using it = await bench({ command: ["/nowhere"] });
  const load = async (options: Record<string, unknown>) =>
    await failureOf(it.runtimes.load(await it.request({ "model.onnx": linearOnnx() }, { options })));
  expect(await load({ thread: 1 })).toMatchObject({ code: "BAD_INPUT", field: "thread" });
  expect(await load({ threads: 0 })).toMatchObject({ code: "BAD_INPUT", field: "threads" });
}, TIMEOUT_MS);

test("a file that changed since it was recorded is not loaded", async () => {
  await using it = await bench();
  const request = await it.request({ "model.onnx": linearOnnx() });
  await Bun.write(`${request.folder}/model.onnx`, linearOnnx().slice(0, -1));
  expect(await failureOf(it.runtimes.load(request))).toMatchObject({ code: "BLOB_DAMAGED" });
}, TIMEOUT_MS);

test("any other file is held by its path alone", async () => {
  await using it = await bench({ command: ["/nowhere"] });
  const model = await it.runtimes.load(await it.request({ "notes.txt": Buffer.from("hello") }));
  expect(model).toMatchObject({ memoryBytes: 0, metadata: { runtime: "mapped" } });
  const refused = { code: "NOT_SUPPORTED", message: expect.stringContaining("acme/tiny@1:default") };
  expect(await failureOf(model.run({ kind: "tensors", inputs: {} }))).toMatchObject(refused);
  expect(await failureOf(model.generate({ kind: "generate", prompt: "a", maxTokens: 1 }))).toMatchObject(
    refused,
  );
  expect(await failureOf(model.embed({ kind: "embed", input: "a" }))).toMatchObject(refused);
  await model.dispose();
}, TIMEOUT_MS);
