// deno-lint-ignore-file no-console -- the seed to repeat a run with is for whoever runs it
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { ManifestView } from "../../src/library/index.ts";
import { Api } from "../helpers/api.ts";
import { type Place, place, type Server } from "../helpers/executable.ts";
import { type Hub, startHub } from "../helpers/hub.ts";
import { lehmer } from "../helpers/lehmer.ts";
import { pseudoRandomBytes } from "../helpers/pseudo-random.ts";
import { blobFaults } from "./blobs.ts";

const KILLS = Number(process.env["LARDER_TEST_HUB_KILLS"] ?? 12);
const SEED = Number(process.env["LARDER_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const MIB = 2 ** 20;
const LIFE_MS_MIN = 40;
const LIFE_MS_MAX = 500;
const LIMIT_MS = 60_000 + KILLS * 3000;

const COMMON = {
  "config.json": '{"model_type":"llama"}\n',
  "README.md": "# Tiny\n",
  "tokenizer.json": "{}\n",
};
const WEIGHTS = {
  "tiny.Q8_0.gguf": pseudoRandomBytes(1, 12 * MIB),
  "tiny.Q4_K_M.gguf": pseudoRandomBytes(2, 8 * MIB),
  "tiny.Q2_K.gguf": pseudoRandomBytes(3, 4 * MIB),
};
const VARIANTS = ["Q8_0", "Q4_K_M", "Q2_K"];

test(`a variant is never called downloaded before it is, over ${KILLS} kills`, async () => {
  console.log(`LARDER_TEST_SEED=${SEED} LARDER_TEST_HUB_KILLS=${KILLS}`);
  // Slow enough that most lives end within a file.
  await using hub = await startHub({ bytesPerSecond: 8 * MIB });
  hub.repository({ id: "acme/tiny" }).commit({ ...COMMON, ...WEIGHTS });
  await using larder = await place();
  const random = lehmer(SEED);
  for (let kill = 0; kill < KILLS; kill++) {
    const server = await serve(larder, hub);
    const asked = pullAll(server);
    await Bun.sleep(LIFE_MS_MIN + random() * (LIFE_MS_MAX - LIFE_MS_MIN));
    await server.stop("SIGKILL");
    await asked;
    await checkManifest(larder, hub);
  }
  hub.api.bytesPerSecond = hub.cdn.bytesPerSecond = Infinity;
  const server = await serve(larder, hub);
  const api = new Api(server.url);
  for (const variant of VARIANTS) {
    expect(await api.pull({ model: "acme/tiny", variant })).toMatchObject({ state: "done", variant });
  }
  expect((await statuses(server)).map(({ status }) => status)).toEqual(VARIANTS.map(() => "downloaded"));
  expect(await server.stop()).toBe(0);
  expect(await blobFaults(larder.home)).toEqual([]);
  // Common files are there once: as many blobs as there are contents.
  const contents = Object.values({ ...COMMON, ...WEIGHTS }).map(sha256);
  expect((await blobNames(larder.home)).sort()).toEqual(contents.sort());
}, LIMIT_MS);

function serve(larder: Place, hub: Hub): Promise<Server> {
  return larder.serve([], { env: { HF_ENDPOINT: hub.endpoint } });
}

/** All at once; how far they come is the kill's affair. */
async function pullAll(server: Server): Promise<void> {
  const api = new Api(server.url);
  await Promise.allSettled(VARIANTS.map((variant) => api.pull({ model: "acme/tiny", variant })));
}

async function statuses(server: Server): Promise<ManifestView["variants"]> {
  const { json } = await new Api(server.url).post("/api/models/scan", { model: "acme/tiny" });
  const { variants } = json as ManifestView;
  return VARIANTS.flatMap((name) => variants.find((variant) => variant.name === name) ?? []);
}

/** What the next start says is here, is here: every byte of it, by another implementation's digest. */
async function checkManifest(larder: Place, hub: Hub): Promise<void> {
  const server = await serve(larder, hub);
  const variants = await statuses(server);
  await server.stop("SIGKILL");
  const there = new Set(await blobNames(larder.home));
  for (const { name, status, files } of variants) {
    if (status !== "downloaded") continue;
    const missing = files.filter((path) =>
      !there.has(sha256({ ...COMMON, ...WEIGHTS }[path as "README.md"]))
    );
    expect([name, missing]).toEqual([name, []]);
  }
  expect(isDeepStrictEqual(await blobFaults(larder.home), [])).toBe(true);
}

async function blobNames(home: string): Promise<string[]> {
  const paths = await Array.fromAsync(
    new Bun.Glob("**/*").scan({ cwd: join(home, "blobs"), onlyFiles: true }),
  );
  return paths.map((path) => basename(path));
}

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
