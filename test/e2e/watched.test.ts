// deno-lint-ignore-file no-console -- the seed to repeat a run with is for whoever runs it
import { expect, test } from "bun:test";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { WatchedFolderView } from "../../src/library/index.ts";
import { Api } from "../helpers/api.ts";
import { type Place, place, type Server } from "../helpers/executable.ts";
import { lehmer } from "../helpers/lehmer.ts";
import { tinyGguf } from "../helpers/model-files.ts";
import { linearOnnx, treeOnnx } from "../helpers/onnx-files.ts";
import { waitUntil } from "../helpers/wait.ts";
import { blobFaults } from "./blobs.ts";

const TIMEOUT_MS = 120_000;
const SEED = Number(process.env["LARDER_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const KILLS = 6;
const LARGE_BYTES = 96 * 2 ** 20;
/** Until a file that is taken has been read to its end, on a slow machine. */
const TAKE_MS = 400;

/** A server that watches `models` in its place. */
async function serveWatching(
  larder: Place,
  settleS = "0.2",
): Promise<{ server: Server; api: Api; folder: string }> {
  const folder = join(larder.path, "models");
  await mkdir(folder, { recursive: true });
  const server = await larder.serve([
    "--watch-folders",
    folder,
    "--watch-settle-s",
    settleS,
    "--pull-on-use",
    "false",
  ]);
  return { server, folder, api: new Api(server.url) };
}

async function names(api: Api): Promise<string[]> {
  return (await api.get("/api/models/library")).json.models.map(({ model }: { model: string }) => model);
}

async function view(api: Api): Promise<WatchedFolderView> {
  return (await api.get("/api/watched")).json.folders[0];
}

test(
  "a file that is dropped answers, changes, and goes with its file; nothing in the folder is touched",
  async () => {
    await using larder = await place();
    const { folder, api } = await serveWatching(larder);
    await Bun.write(join(folder, "acme/linear/model.onnx"), linearOnnx());
    await Bun.write(join(folder, "notes.txt"), "nothing to take");
    const { mtimeMs, ctimeMs, nlink } = await stat(join(folder, "acme/linear/model.onnx"));
    const ask = () => api.post("/api/v1/predict", { model: "acme/linear", inputs: [[1, 2, 3, 4]] });
    await waitUntil(async () => (await ask()).status === 200);
    expect((await api.get("/api/models/library")).json.models).toMatchObject([
      {
        model: "acme/linear",
        status: "downloaded",
        provider: "local",
        runtime: "onnx",
        capabilities: ["predict"],
      },
    ]);
    expect(await stat(join(folder, "acme/linear/model.onnx"))).toMatchObject({ mtimeMs, ctimeMs, nlink });
    const { json: first } = await api.get("/api/models/acme/linear");

    await Bun.write(join(folder, "acme/linear/model.onnx"), treeOnnx());
    await waitUntil(async () => (await api.get("/api/models/acme/linear")).json.versions.length === 2);
    const { json: second } = await api.get("/api/models/acme/linear");
    expect(second.versions.map(({ version }: { version: string }) => version)).toEqual([
      second.version.version,
      first.version.version,
    ]);
    const told = await larder.run("watched", "--scan");
    expect(told.json).toMatchObject({
      folders: [{ state: "watched", files: 2, models: [{ model: "acme/linear", removed: false }] }],
    });

    await rm(join(folder, "acme"), { recursive: true });
    await waitUntil(async () => (await names(api)).length === 0);
    expect((await ask()).status).toBe(404);
    const left = await Array.fromAsync(new Bun.Glob("**/*").scan({ cwd: folder, dot: true }));
    expect(left).toEqual(["notes.txt"]);
  },
  TIMEOUT_MS,
);

test("a dropped file is in the next listing, without a refresh and before it is taken", async () => {
  await using larder = await place();
  const { folder, api } = await serveWatching(larder, "600");
  await Bun.write(join(folder, "acme/one/one.gguf"), tinyGguf({ seed: 1 }));
  const listed = async () =>
    (await api.get("/api/models/library")).json.models.map((
      one: { model: string; status: string; provider: string },
    ) => [one.model, one.status, one.provider].join(" "));
  await waitUntil(async () => (await listed()).length === 1);
  expect(await listed()).toEqual(["acme/one downloading local"]);

  await Bun.write(join(folder, "two.gguf"), tinyGguf({ seed: 2 }));
  expect(await listed()).toEqual(["acme/one downloading local", "two downloading local"]);
  await Bun.write(join(folder, "acme/three/three.gguf"), tinyGguf({ seed: 3 }));
  expect(await listed()).toEqual([
    "acme/one downloading local",
    "acme/three downloading local",
    "two downloading local",
  ]);
  await rm(join(folder, "two.gguf"));
  await rm(join(folder, "acme/one"), { recursive: true });
  expect(await listed()).toEqual(["acme/three downloading local"]);
}, TIMEOUT_MS);

test("a list in the folder gives names, and a hostile one gives none", async () => {
  await using larder = await place();
  const { folder, api } = await serveWatching(larder);
  await Bun.write(join(larder.path, "secret.gguf"), tinyGguf());
  await Bun.write(
    join(folder, "model_registry.json"),
    JSON.stringify([
      { id: "acme/linear", path: "x1.onnx", name: "Linear", version: "1", size: 1, capability: ["classify"] },
      { id: "stolen", path: "../secret.gguf" },
      { id: "stolen", path: join(larder.home, "admin.token") },
    ]),
  );
  await Bun.write(join(folder, "x1.onnx"), linearOnnx());
  await waitUntil(async () => (await names(api)).length > 0);
  expect(await names(api)).toEqual(["acme/linear"]);
  expect((await view(api)).refused.map(({ error }) => error.code)).toEqual(["BAD_PATH", "BAD_PATH"]);
}, TIMEOUT_MS);

test("P01: kills while a file is taken leave no half version, and the next start takes it", async () => {
  console.log(`LARDER_TEST_SEED=${SEED}`);
  const random = lehmer(SEED);
  await using larder = await place();
  const folder = join(larder.path, "models");
  await mkdir(folder);
  await Bun.write(join(larder.path, "large.gguf"), tinyGguf({ bytes: LARGE_BYTES }));
  await rename(join(larder.path, "large.gguf"), join(folder, "large.gguf"));
  for (let kill = 0; kill < KILLS; kill++) {
    const { server, api } = await serveWatching(larder, "0.05");
    await waitUntil(async () => {
      const { pending, models } = await view(api);
      return models.length > 0 || pending.some(({ state }) => state === "taking");
    });
    await Bun.sleep(random() * TAKE_MS);
    await server.stop("SIGKILL");
    expect(await blobFaults(larder.home)).toEqual([]);
  }
  const { api } = await serveWatching(larder, "0.05");
  await waitUntil(async () =>
    (await view(api)).models.length === 1 && (await view(api)).pending.length === 0
  );
  const { json } = await api.get("/api/models/large");
  expect(json.versions.length).toBe(1);
  expect(json.version.files).toMatchObject([
    { path: "large.gguf", size_bytes: LARGE_BYTES, state: "intact" },
  ]);
  expect(await blobFaults(larder.home)).toEqual([]);
}, TIMEOUT_MS);
