import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import OpenAI from "openai";
import { type ModelPlace, modelPlace, MODELS, type ModelServer } from "./model-place.ts";
import { childrenOf } from "./processes.ts";
import { distance, ggufReference, onnxReference, type PlainTensor } from "./reference.ts";

const TIMEOUT_MS = 120_000;
const NEAR = 1e-5;
const CLASSES = ["setosa", "versicolor", "virginica"];
const FLOWERS = [[5, 3, 1, 0.2], [6, 3, 5, 2], [6, 3, 4.5, 1.5]];
/** By hand, from the tree's leaves. */
const SHARES = [[1, 0, 0], [0, 0.0625, 0.9375], [0, 0.875, 0.125]];
const ROWS = [[0.25, -1.5, 3.75, 0.1], [1e-3, 2, -7.5, 11]];
const X: PlainTensor = { dtype: "float32", shape: [2, 4], data: ROWS.flat() };
const IDS: PlainTensor = { dtype: "int64", shape: [2, 3], data: [1, 7, 30, 4, 2, 0] };
const MASK: PlainTensor = { dtype: "int64", shape: [2, 3], data: [1, 1, 1, 1, 1, 0] };
const TEXT = "a tale of two cities";
/** The same model twice: its weights inside, and in another file. */
const LINEAR = { "acme/linear": "model.onnx", "acme/external": "onnx/model.onnx" } as const;

for (const isolation of ["thread", "process"] as const) {
  describe(`isolation = ${isolation}`, () => {
    let at: ModelPlace;
    let served: ModelServer;
    const source = (model: keyof typeof MODELS, file: string) =>
      join(at.larder.path, "sources", `${model.replace("/", "-")}@1.0.0`, file);

    beforeAll(async () => {
      at = await modelPlace();
      await at.addAll();
      served = await at.serve(["--models-max", "5"], { LARDER_ISOLATION: isolation });
    }, TIMEOUT_MS);
    afterAll(() => at[Symbol.asyncDispose]());

    for (const [model, file] of Object.entries(LINEAR) as [keyof typeof LINEAR, string][]) {
      test(
        `${model}: predict, batch_predict, KServe in JSON and in bytes say what onnxruntime says`,
        async () => {
          const { y } = await onnxReference({ model: source(model, file), feeds: { x: X }, outputs: ["y"] });
          const expected = y?.data ?? [];
          const predicted = await served.api.post("/api/v1/predict", { model, inputs: ROWS });
          expect(predicted).toMatchObject({
            status: 200,
            json: { model, version: "1.0.0", outputs: { y: { shape: [2, 3] } } },
          });
          expect(distance(predicted.json.outputs.y.data.flat(), expected)).toBeLessThan(NEAR);
          const batch = await served.api.post("/api/v1/batch_predict", {
            model,
            inputs: ROWS.map((row) => [row]),
          });
          expect(distance(batch.json.results.flatMap(outputY), expected)).toBeLessThan(NEAR);
          const asJson = await infer(served, model, { inputs: [kserve("x", X)] });
          expect(asJson).toMatchObject([{ name: "y", datatype: "FP32", shape: [2, 3] }]);
          expect(distance(asJson[0]?.data ?? [], expected)).toBeLessThan(NEAR);
          const [asBytes] = await inferBinary(served, model, { x: X });
          expect(asBytes).toMatchObject({ name: "y", datatype: "FP32", shape: [2, 3] });
          expect(distance(asBytes?.data ?? [], expected)).toBeLessThan(NEAR);
        },
        TIMEOUT_MS,
      );
    }

    test("a tiny transformer: two inputs of int64, three dimensions, in every dialect", async () => {
      const model = "acme/transformer";
      const feeds = { input_ids: IDS, attention_mask: MASK };
      const { logits } = await onnxReference({
        model: source(model, "model.onnx"),
        feeds,
        outputs: ["logits"],
      });
      const expected = logits?.data ?? [];
      expect(expected).toHaveLength(2 * 3 * 32);
      const inputs = { input_ids: rowsOf(IDS), attention_mask: rowsOf(MASK) };
      const predicted = await served.api.post("/api/v1/predict", { model, inputs });
      expect(predicted.json.outputs.logits.shape).toEqual([2, 3, 32]);
      expect(distance(predicted.json.outputs.logits.data.flat(2), expected)).toBeLessThan(NEAR);
      const batch = await served.api.post("/api/v1/batch_predict", { model, inputs: [inputs] });
      expect(distance(batch.json.results[0].outputs.logits.data.flat(2), expected)).toBeLessThan(NEAR);
      const given = Object.entries(feeds).map(([name, tensor]) => kserve(name, tensor));
      const [asJson] = await infer(served, model, { inputs: given });
      expect(distance(asJson?.data ?? [], expected)).toBeLessThan(NEAR);
      const [asBytes] = await inferBinary(served, model, feeds);
      expect(distance(asBytes?.data ?? [], expected)).toBeLessThan(NEAR);
    }, TIMEOUT_MS);

    test("a tree with ZipMap: labels and probabilities, in every dialect", async () => {
      const model = "acme/tree";
      const feeds = { float_input: { dtype: "float32", shape: [3, 4], data: FLOWERS.flat() } };
      const byName = SHARES.map((row) => Object.fromEntries(row.map((share, i) => [CLASSES[i], share])));
      const predicted = await served.api.post("/api/v1/predict", { model, inputs: FLOWERS });
      expect(predicted.json.predictions).toEqual(["setosa", "virginica", "versicolor"]);
      expect(predicted.json.probabilities).toEqual(byName);
      const batch = await served.api.post("/api/v1/batch_predict", {
        model,
        inputs: FLOWERS.map((row) => [row]),
      });
      expect(batch.json.results.flatMap((one: { probabilities: unknown[] }) => one.probabilities)).toEqual(
        byName,
      );
      const asJson = await infer(served, model, { inputs: [kserve("float_input", feeds.float_input)] });
      expect(asJson).toMatchObject([
        { name: "label", datatype: "BYTES", shape: [3], data: ["setosa", "virginica", "versicolor"] },
        { name: "probabilities", datatype: "FP32", shape: [3, 3], data: SHARES.flat() },
      ]);
      const asBytes = await inferBinary(served, model, feeds, ["probabilities"]);
      expect(asBytes).toMatchObject([{ name: "probabilities", shape: [3, 3], data: SHARES.flat() }]);
    }, TIMEOUT_MS);

    test(
      "a tiny llama: the openai package completes, streams a chat and embeds, as node-llama-cpp does",
      async () => {
        const model = "acme/llama";
        const expected = await ggufReference({ model: source(model, "llama.gguf"), text: TEXT, tokens: 8 });
        const client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: "none", maxRetries: 0 });
        const { data } = await client.embeddings.create({ model, input: TEXT, encoding_format: "float" });
        expect(distance(data[0]?.embedding ?? [], expected.embedding)).toBeLessThan(NEAR);
        const done = await client.completions.create({ model, prompt: TEXT, max_tokens: 8, temperature: 0 });
        expect(done.choices[0]?.text).toBe(expected.completion);
        const asked = {
          model,
          messages: [{ role: "user" as const, content: "hello" }],
          max_tokens: 12,
          seed: 3,
          temperature: 0.7,
        };
        const whole = await client.chat.completions.create(asked);
        const pieces: string[] = [];
        const reasons: string[] = [];
        for await (
          const { choices: [choice] } of await client.chat.completions.create({ ...asked, stream: true })
        ) {
          pieces.push(choice?.delta.content ?? "");
          if (choice?.finish_reason) reasons.push(choice.finish_reason);
        }
        expect(pieces.filter((piece) => piece !== "").length).toBeGreaterThan(1);
        expect(pieces.join("")).toBe(whole.choices[0]?.message.content ?? "");
        expect(reasons).toEqual([whole.choices[0]?.finish_reason ?? ""]);
        expect(whole.usage?.completion_tokens).toBeGreaterThan(0);
      },
      TIMEOUT_MS,
    );

    test("what a model cannot do is said in the words of each dialect", async () => {
      const client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: "none", maxRetries: 0 });
      const chat = client.chat.completions.create({
        model: "acme/tree",
        messages: [{ role: "user", content: "a" }],
      });
      expect(await chat.catch((error: unknown) => error)).toMatchObject({
        status: 400,
        code: "unsupported_value",
      });
      const predicted = await served.api.post("/api/v1/predict", { model: "acme/llama", inputs: [[1]] });
      expect(predicted).toMatchObject({ status: 422, json: { code: "NOT_SUPPORTED" } });
      const inferred = await served.api.post("/v2/models/acme/linear/infer", {
        inputs: [{ name: "x", datatype: "FP64", shape: [1, 4], data: [0, 0, 0, 0] }],
      });
      expect(inferred).toMatchObject({ status: 400, json: { error: expect.stringContaining("x") } });
    }, TIMEOUT_MS);

    test("models run where they are told to", async () => {
      const { status } = await served.api.post("/api/cache/load", { model: "acme/llama" });
      expect(status).toBe(200);
      const children = await childrenOf(served.server.pid);
      expect(children.length > 0).toBe(isolation === "process");
    }, TIMEOUT_MS);
  });
}

interface Output {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters?: { readonly binary_data_size?: number };
  readonly data?: readonly number[];
}

async function infer({ api }: ModelServer, model: string, body: object): Promise<Output[]> {
  const { status, json } = await api.post(`/v2/models/${model}/infer`, { ...body, id: "one" });
  expect([status, json]).toMatchObject([200, { model_name: model, model_version: "1.0.0", id: "one" }]);
  return json.outputs;
}

/** With the binary tensor extension both ways: JSON, and behind it the tensors' bytes, little-endian. */
async function inferBinary(
  { url }: ModelServer,
  model: string,
  feeds: Readonly<Record<string, PlainTensor>>,
  names?: readonly string[],
): Promise<Output[]> {
  const binaries = Object.values(feeds).map(bytesOf);
  const head = Buffer.from(JSON.stringify({
    inputs: Object.entries(feeds).map(([name, tensor], i) => {
      const { data: _, ...rest } = kserve(name, tensor);
      return { ...rest, parameters: { binary_data_size: binaries[i]?.byteLength } };
    }),
    parameters: { binary_data_output: true },
    ...(names === undefined ? {} : { outputs: names.map((name) => ({ name })) }),
  }));
  const response = await fetch(`${url}/v2/models/${model}/infer`, {
    method: "POST",
    headers: {
      "content-type": "application/octet-stream",
      "inference-header-content-length": String(head.length),
    },
    body: Buffer.concat([head, ...binaries]),
  });
  expect(response.status).toBe(200);
  const body = Buffer.from(await response.arrayBuffer());
  const length = Number(response.headers.get("inference-header-content-length"));
  const { outputs } = JSON.parse(body.subarray(0, length).toString()) as { outputs: Output[] };
  let at = length;
  const read = outputs.map((output) => {
    const size = output.parameters?.binary_data_size ?? 0;
    const data = Array.from({ length: size / 4 }, (_, i) => body.readFloatLE(at + 4 * i));
    at += size;
    return { ...output, data };
  });
  expect(at).toBe(body.length);
  return read;
}

function kserve(name: string, { dtype, shape, data }: PlainTensor) {
  return { name, datatype: dtype === "int64" ? "INT64" : "FP32", shape, data };
}

function bytesOf({ dtype, data }: PlainTensor): Uint8Array<ArrayBuffer> {
  const values = dtype === "int64" ? BigInt64Array.from(data, BigInt) : Float32Array.from(data);
  return new Uint8Array(values.buffer);
}

function rowsOf({ shape: [rows = 0, width = 0], data }: PlainTensor): number[][] {
  return Array.from({ length: rows }, (_, i) => data.slice(i * width, (i + 1) * width));
}

function outputY(one: { outputs: { y: { data: number[][] } } }): number[] {
  return one.outputs.y.data.flat();
}
