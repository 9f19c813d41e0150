import { afterAll, beforeAll, expect, test } from "bun:test";
import { digestOf } from "../../helpers/digest.ts";
import { addVersion, type HubRunning, hubRunning } from "./setup.ts";

let hub: HubRunning;

/** Each file holds its own name. */
async function addGgufs(model: string, names: readonly string[]): Promise<void> {
  const files = Object.fromEntries(names.map((name) => [name, { bytes: name }]));
  await addVersion(hub.larder, { model, version: "1.0.0", files });
}

beforeAll(async () => {
  hub = await hubRunning();
  await addGgufs("acme/tiny", [
    "README.md",
    "imatrix-tiny.gguf",
    "mmproj-tiny-f16.gguf",
    "tiny-Q4_0.gguf",
    "tiny-Q4_K.gguf",
    "tiny-Q4_K_M.gguf",
    "tiny-Q8_0.gguf",
  ]);
  await addGgufs("acme/split", [
    "q/big-Q8_0-00001-of-00002.gguf",
    "q/big-Q8_0-00002-of-00002.gguf",
    "q/a-F16.gguf",
  ]);
  await addGgufs("acme/odd", ["b.gguf", "a-IQ2_M.gguf"]);
  await addGgufs("acme/plain", ["model.safetensors"]);
});
afterAll(() => hub[Symbol.asyncDispose]());

async function manifestOf(model: string, tag: string): Promise<{ status: number; json: unknown }> {
  const response = await hub.fetch(`/v2/${model}/manifests/${tag}`, {
    headers: { "user-agent": "llama-cpp" },
  });
  return { status: response.status, json: await response.json() };
}

function layer(name: string) {
  return { rfilename: name, blobId: `sha256:${digestOf(name)}`, size: name.length };
}

test.each<[string, string, string]>([
  ["acme/tiny", "latest", "tiny-Q4_K_M.gguf"],
  ["acme/tiny", "Q8_0", "tiny-Q8_0.gguf"],
  ["acme/tiny", "q4_0", "tiny-Q4_0.gguf"],
  ["acme/tiny", "Q4_K", "tiny-Q4_K.gguf"],
  ["acme/split", "latest", "q/big-Q8_0-00001-of-00002.gguf"],
  ["acme/split", "f16", "q/a-F16.gguf"],
  ["acme/odd", "latest", "a-IQ2_M.gguf"],
])("%s:%s is %s", async (model, tag, name) => {
  const { status, json } = await manifestOf(model, tag);
  expect(status).toBe(200);
  expect(json).toMatchObject({ ggufFile: layer(name) });
});

test("a projector comes with it, an importance matrix does not", async () => {
  expect((await manifestOf("acme/tiny", "Q8_0")).json).toEqual({
    ggufFile: layer("tiny-Q8_0.gguf"),
    mmprojFile: layer("mmproj-tiny-f16.gguf"),
  });
  expect((await manifestOf("acme/split", "latest")).json).not.toHaveProperty("mmprojFile");
});

test("what has no such file is 404", async () => {
  for (
    const [model, tag] of [["acme/tiny", "Q3"], ["acme/tiny", "README"], ["acme/plain", "latest"]] as const
  ) {
    expect((await manifestOf(model, tag)).status).toBe(404);
  }
});
