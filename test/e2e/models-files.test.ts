import { expect, test } from "bun:test";
import { exists } from "node:fs/promises";
import { join } from "node:path";
import type { Api } from "../helpers/api.ts";
import { tinySafetensors } from "../helpers/model-files.ts";
import { externalOnnx, linearOnnx } from "../helpers/onnx-files.ts";
import { tinyLlama } from "../helpers/tiny-llama.ts";
import { type ModelFiles, modelPlace, MODELS } from "./model-place.ts";

const TIMEOUT_MS = 120_000;
const OK = "acme/linear";

/** Files that must be seen through before native code gets them. */
const BAD: Readonly<Record<string, ModelFiles>> = {
  "f01-magic": { "llama.gguf": patched(tinyLlama(), 0, Buffer.from("GGML")) },
  "f01-empty": { "llama.gguf": new Uint8Array() },
  "f02-tensor-count": { "llama.gguf": patched(tinyLlama(), 8, u64(2n ** 63n)) },
  "f02-pair-count": { "llama.gguf": patched(tinyLlama(), 16, u64(2n ** 63n)) },
  "f03-key-length": { "llama.gguf": patched(tinyLlama(), 24, u64(2n ** 40n)) },
  "f05-tensor-beyond-end": { "llama.gguf": tinyLlama().slice(0, -1000) },
  "f08-cut-in-the-header": { "llama.gguf": tinyLlama().slice(0, 500) },
  "f09-header-length": { "model.safetensors": patched(tinySafetensors(), 0, u64(2n ** 40n)) },
  "f11-trailing-bytes": {
    "model.safetensors": Uint8Array.from(Buffer.concat([tinySafetensors(), Buffer.alloc(64)])),
  },
  "f13-parent": { "model.onnx": externalOnnx("../secret.bin").model },
  "f13-winding": { "model.onnx": externalOnnx("a/../../secret.bin").model },
  "f13-absolute": { "model.onnx": externalOnnx("/etc/passwd").model },
  "f13-absent": { "model.onnx": externalOnnx("absent.bin").model },
  "f14-beyond-end": {
    "model.onnx": externalOnnx().model,
    "model.onnx_data": externalOnnx().data.slice(0, 50),
  },
  "f15-cut": { "model.onnx": linearOnnx().slice(0, 60) },
  "f15-no-protobuf": { "model.onnx": Uint8Array.from({ length: 4096 }, () => 0xff) },
};

test(
  "F01 to F15: files that lie are refused with 422 before native code sees them, and nothing else notices",
  async () => {
    await using at = await modelPlace();
    await at.add(`${OK}@1.0.0`, MODELS[OK]);
    for (const [name, files] of Object.entries(BAD)) await at.add(`bad/${name}@1.0.0`, files);
    const { api, server } = await at.serve();
    for (const name of Object.keys(BAD)) {
      const { status, json } = await api.post("/api/cache/load", { model: `bad/${name}` });
      expect([name, status, json]).toMatchObject([name, 422, {
        code: "MODEL_BROKEN",
        detail: expect.any(String),
      }]);
      const { status: again } = await api.post(`/v2/models/bad/${name}/infer`, KSERVE);
      expect([name, again]).toEqual([name, again === 503 ? 503 : 422]);
      expect((await api.get(`/api/models/bad/${name}/metadata`)).status).toBe(422);
    }
    expect(await answers(api)).toBe(true);
    const { loads } = await Bun.file(at.larder.inHome("runtimes", "loads.json")).json();
    expect(Object.values(loads)).toMatchObject([{
      label: `${OK}@1.0.0:default`,
      verdict: "sound",
      crashes: [],
    }]);
    expect(server.child.exitCode).toBeNull();
  },
  TIMEOUT_MS,
);

test("F16: a pickle is kept and never unpickled", async () => {
  await using at = await modelPlace();
  const evil = join(at.larder.path, "unpickled");
  // Protocol 0: os.system("touch …").
  const pickle = Buffer.from(`cos\nsystem\n(S'touch ${evil}'\ntR.`);
  await at.add("acme/pickle@1.0.0", { "pytorch_model.bin": Uint8Array.from(pickle) });
  const { api, url } = await at.serve();
  const { status, json } = await api.post("/api/v1/predict", { model: "acme/pickle", inputs: [[1]] });
  expect([status, json]).toMatchObject([422, { code: "NOT_SUPPORTED" }]);
  const file = await fetch(`${url}/api/files/acme/pickle/1.0.0/pytorch_model.bin`);
  expect(Buffer.from(await file.arrayBuffer())).toEqual(pickle);
  expect(await exists(evil)).toBe(false);
}, TIMEOUT_MS);

test("F17: a chat template reaches no code: neither the program's objects nor the system", async () => {
  await using at = await modelPlace();
  const hostile = {
    constructors: "{{ ''.constructor.constructor('return process.exit(3)')() }}",
    globals: "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
  };
  await at.add(`${OK}@1.0.0`, MODELS[OK]);
  for (const [name, chatTemplate] of Object.entries(hostile)) {
    await at.add(`bad/${name}@1.0.0`, { "llama.gguf": tinyLlama({ chatTemplate }) });
  }
  const { api, server } = await at.serve();
  for (const name of Object.keys(hostile)) {
    const messages = [{ role: "user", content: "hello" }];
    const { status } = await api.post("/v1/chat/completions", {
      model: `bad/${name}`,
      messages,
      max_tokens: 1,
    });
    expect([name, status]).toEqual([name, 400]);
  }
  expect(await answers(api)).toBe(true);
  expect(server.child.exitCode).toBeNull();
}, TIMEOUT_MS);

test("F22: a file that changes after it was taken in is not what is loaded", async () => {
  await using at = await modelPlace();
  const folder = await at.add(`${OK}@1.0.0`, MODELS[OK]);
  await Bun.write(join(folder, "model.onnx"), linearOnnx().slice(0, 60));
  const { api } = await at.serve();
  expect(await answers(api)).toBe(true);
}, TIMEOUT_MS);

const KSERVE = { inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data: [1, 0, 0, 0] }] };

async function answers(api: Api): Promise<boolean> {
  const { json } = await api.post("/api/v1/predict", { model: OK, inputs: [[1, 0, 0, 0]] });
  return Bun.deepEquals(json.outputs?.y.data, [[1.5, -2.25, 2.5]]);
}

function patched(bytes: Uint8Array<ArrayBuffer>, at: number, patch: Uint8Array): Uint8Array<ArrayBuffer> {
  bytes.set(patch, at);
  return bytes;
}

function u64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}
