import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type ModelFacts } from "../../src/hub/index.ts";
import { type Hub, type HubContent, startHub } from "../helpers/hub.ts";
import { safetensorsBytes } from "./header-bytes.ts";
import { factsAt, UNKNOWN } from "./setup.ts";

let hub: Hub;
beforeAll(async () => {
  hub = await startHub();
});
beforeEach(() => hub.reset());
afterAll(() => hub[Symbol.asyncDispose]());

const factsOf = (files: Readonly<Record<string, HubContent>>) => factsAt(hub, files);

const CONFIG = { architectures: ["LlamaForCausalLM"], model_type: "llama", max_position_embeddings: 2048 };

test("config.json tells architecture and context, the header of the weights the number of parameters", async () => {
  const weights = safetensorsBytes({
    a: { dtype: "BF16", shape: [100, 20] },
    b: { dtype: "F32", shape: [] },
    position_ids: { dtype: "I64", shape: [1, 512] },
  });
  const file = Buffer.concat([weights, new Uint8Array(10_000)]);
  expect(await factsOf({ "config.json": JSON.stringify(CONFIG), "model.safetensors": file })).toEqual({
    architecture: "LlamaForCausalLM",
    contextLength: 2048,
    parameters: 2000 + 1 + 512,
  });
  expect(hub.bytesSent("model.safetensors")).toBe(weights.length);
});

test.each<[unknown, Partial<ModelFacts>]>([
  [{ model_type: "gpt2", n_positions: 1024 }, { architecture: "gpt2", contextLength: 1024 }],
  [{ model_type: "x", text_config: { max_position_embeddings: 131_072 } }, {
    architecture: "x",
    contextLength: 131_072,
  }],
  [{ architectures: [7], model_type: "\u001b[2J", max_position_embeddings: -1 }, {
    architecture: null,
    contextLength: null,
  }],
  [[1, 2], UNKNOWN],
  ["{broken", UNKNOWN],
])("config.json %j", async (config, facts) => {
  const body = typeof config === "string" ? config : JSON.stringify(config);
  expect(await factsOf({ "config.json": body, "model_q4.onnx": "x" })).toEqual({ ...UNKNOWN, ...facts });
});

test("a pipeline of Diffusers is told by model_index.json, and its networks are counted together", async () => {
  const part = (size: number) =>
    Buffer.concat([safetensorsBytes({ w: { dtype: "F16", shape: [size] } }), new Uint8Array(2 * size)]);
  expect(
    await factsOf({
      "model_index.json": JSON.stringify({ _class_name: "FluxPipeline" }),
      "unet/diffusion_pytorch_model.safetensors": part(1000),
      "vae/diffusion_pytorch_model.safetensors": part(200),
    }),
  ).toEqual({ ...UNKNOWN, architecture: "FluxPipeline", parameters: 1200 });
});

test("shards are counted by their index when it has the sum, else by up to eight headers", async () => {
  const shard = Buffer.concat([safetensorsBytes({ w: { dtype: "F16", shape: [50] } }), new Uint8Array(100)]);
  const shards = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [
      `model-0000${i + 1}-of-0000${count}.safetensors`,
      shard,
    ]));
  const index = (metadata: unknown) => ({
    "model.safetensors.index.json": JSON.stringify({ metadata, weight_map: {} }),
  });
  expect((await factsOf({ ...shards(9), ...index({ total_parameters: 777 }) })).parameters).toBe(777);
  expect(hub.fileRequests().map(({ file }) => file?.path)).toEqual(["model.safetensors.index.json"]);
  expect((await factsOf({ ...shards(3), ...index({ total_size: 300 }) })).parameters).toBe(150);
  expect((await factsOf({ ...shards(9), ...index({ total_size: 900 }) })).parameters).toBeNull();
});

test("packed weights do not tell how many they are", async () => {
  const packed = safetensorsBytes({ q: { dtype: "I32", shape: [1000] }, s: { dtype: "F16", shape: [10] } });
  expect((await factsOf({ "model.safetensors": Buffer.concat([packed, new Uint8Array(5000)]) })).parameters)
    .toBeNull();
});

test.each<[string, Uint8Array]>([
  ["a header longer than the file", safetensorsBytes({}, 10_000n)],
  ["a header of all memory there is", safetensorsBytes({}, 2n ** 63n)],
  ["a header of nothing", safetensorsBytes({}, 0n)],
  ["a header that is no JSON", Buffer.concat([safetensorsBytes({}).subarray(0, 8), Buffer.alloc(100, "{")])],
  ["shapes that are none", safetensorsBytes({ a: { dtype: "F16", shape: [-1] } })],
  ["shapes in words", safetensorsBytes({ a: { dtype: "F16", shape: ["10"] } })],
  ["shapes that no file can hold", safetensorsBytes({ a: { dtype: "F16", shape: [2 ** 40] } })],
  ["shapes beyond exact numbers", safetensorsBytes({ a: { dtype: "F16", shape: [2 ** 50, 2 ** 50] } })],
  ["three bytes", new Uint8Array(3)],
  ["no bytes", new Uint8Array()],
])("hostile safetensors, %s: parameters are unknown", async (_, file) => {
  expect(await factsOf({ "model.safetensors": file })).toEqual(UNKNOWN);
  expect(hub.bytesSent("model.safetensors")).toBeLessThan(1000);
});
