import { expect, test } from "bun:test";
import { lstat, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { downloadFileToCacheDir, scanCacheDir, snapshotDownload } from "@huggingface/hub";
import { createHubClient } from "../../src/hub/index.ts";
import { ensurePath } from "../../src/library/path.ts";
import { createNetClient } from "../../src/net/index.ts";
import { type Hub, startHub } from "../helpers/hub.ts";
import { pseudoRandomBytes } from "../helpers/pseudo-random.ts";
import { gitOidOf, openWorld, sha256Of, sharesBytes, type World } from "./hub-cache.ts";

const CONFIG = '{"model_type":"tiny"}';
const WEIGHTS = pseudoRandomBytes(1, 3 * 1024 * 1024);
const QUANTIZED = pseudoRandomBytes(2, 1024 * 1024);
const FILES = {
  ".gitattributes": "*.onnx filter=lfs\n",
  "config.json": CONFIG,
  "onnx/model.onnx": WEIGHTS,
  "onnx/model_quantized.onnx": QUANTIZED,
};
const REPO = "acme/tiny";

function openWorldOf(hub: Hub): Promise<World> {
  const net = createNetClient({
    allowOrigins: ["http://127.0.0.1:*"],
    userAgent: "larder-test",
    connectMs: 500,
    headersMs: 500,
  });
  return openWorld(createHubClient({ net, endpoints: [hub.endpoint] }));
}

/** The client's own fetch, counting. */
function countingFetch(): { readonly fetch: typeof fetch; readonly urls: string[] } {
  const urls: string[] = [];
  const counting = (...[input, init]: Parameters<typeof fetch>) => {
    urls.push(String(input instanceof Request ? input.url : input));
    return fetch(input, init);
  };
  return { urls, fetch: Object.assign(counting, { preconnect: fetch.preconnect }) };
}

test("what @huggingface/hub cached is adopted without a second copy, and can be asked for again", async () => {
  await using hub = await startHub();
  await using world = await openWorldOf(hub);
  const commit = hub.repository({ id: REPO }).commit(FILES);
  const snapshot = await snapshotDownload({ repo: REPO, cacheDir: world.cache, hubUrl: hub.endpoint });
  hub.reset();

  const view = await world.run();
  expect(view.skipped).toEqual([]);
  expect(view.imported).toMatchObject([
    { model: REPO, version: commit, variants: ["fp32", "q8"], files: 4 },
  ]);
  expect(world.registry.resolveVersion(REPO, "main")).toBe(commit);
  const blobs = (await readdir(join(world.cache, "models--acme--tiny/blobs"))).toSorted();
  expect(blobs).toEqual(
    [gitOidOf(FILES[".gitattributes"]), gitOidOf(CONFIG), sha256Of(WEIGHTS), sha256Of(QUANTIZED)].toSorted(),
  );
  for (const [path, content] of Object.entries(FILES)) {
    const cached = await stat(join(snapshot, path));
    expect(cached.size).toBe(Buffer.byteLength(content));
    const name = path.endsWith(".onnx") ? sha256Of(content) : gitOidOf(content);
    const original = join(world.cache, "models--acme--tiny/blobs", name);
    expect([path, await sharesBytes(world.store.blobPath(sha256Of(content)), original)]).toEqual([
      path,
      true,
    ]);
  }
  expect(hub.requests).toEqual([]);

  const file = world.registry.findVersion(REPO, commit)?.files.find(({ path }) => path === "config.json");
  const address = file?.sources.find(({ kind }) => kind === "url")?.location ?? "";
  expect(await (await fetch(address)).text()).toBe(CONFIG);
});

test("@huggingface/hub reads a folder in the layout hf without a request", async () => {
  await using hub = await startHub();
  await using world = await openWorldOf(hub);
  const commit = hub.repository({ id: REPO }).commit(FILES);
  await snapshotDownload({ repo: REPO, cacheDir: world.cache, hubUrl: hub.endpoint });
  await world.run({ mode: "copy" });
  await hub[Symbol.asyncDispose]();

  const made = await ensurePath(world, `${REPO}@main:q8`, { layout: "hf" });
  const cacheDir = join(world.home, "hub-cache");
  expect(made).toMatchObject({ model: REPO, version: commit, cache_folder: cacheDir });
  expect(made.files.map(({ path }) => path)).toEqual([
    ".gitattributes",
    "config.json",
    "onnx/model_quantized.onnx",
  ]);
  const counting = countingFetch();
  for (const [path, content] of Object.entries(FILES)) {
    const found = await downloadFileToCacheDir({
      ...{ repo: REPO, path, revision: commit, cacheDir, hubUrl: hub.endpoint, fetch: counting.fetch },
    });
    expect(found).toBe(join(made.folder, path));
    expect(sha256Of(await readFile(found))).toBe(sha256Of(content));
    expect(
      await sharesBytes(await realPathOf(cacheDir, path, content), world.store.blobPath(sha256Of(content))),
    )
      .toBe(true);
  }
  expect(counting.urls).toEqual([]);

  const { repos, warnings } = await scanCacheDir(cacheDir);
  expect(warnings).toEqual([]);
  expect(repos.map(({ id, revisions }) => [id, revisions.map(({ commitOid, refs }) => [commitOid, refs])]))
    .toEqual([[{ name: REPO, type: "model" }, [[commit, ["main"]]]]]);
});

async function realPathOf(cacheDir: string, path: string, content: string | Uint8Array): Promise<string> {
  const name = path.endsWith(".onnx") ? sha256Of(content) : gitOidOf(content);
  const blob = join(cacheDir, "models--acme--tiny/blobs", name);
  expect((await lstat(blob)).isFile()).toBe(true);
  return blob;
}

test("@huggingface/hub that is given our folder as its cache fetches what is new and nothing else", async () => {
  await using hub = await startHub();
  await using world = await openWorldOf(hub);
  const repository = hub.repository({ id: REPO });
  const commit = repository.commit(FILES);
  await snapshotDownload({ repo: REPO, cacheDir: world.cache, hubUrl: hub.endpoint });
  await world.run();
  const { cache_folder: cacheDir = "" } = await ensurePath(world, REPO, { layout: "hf" });
  hub.reset();
  const at = { repo: REPO, cacheDir, hubUrl: hub.endpoint };
  await snapshotDownload({ ...at, revision: commit });
  expect(hub.fileRequests().filter(({ status }) => status === 200)).toEqual([]);

  const next = repository.commit({ "README.md": "new\n" }, { keep: true });
  const snapshot = await snapshotDownload(at);
  expect(hub.bytesSent("onnx/model.onnx")).toBe(0);
  await world.versions.remove(REPO, commit);
  expect(await readdir(join(cacheDir, "models--acme--tiny/snapshots"))).toEqual([next]);
  expect(sha256Of(await readFile(join(snapshot, "onnx/model.onnx")))).toBe(sha256Of(WEIGHTS));

  const { imported, skipped } = await world.run({ path: cacheDir });
  expect(skipped).toEqual([]);
  expect(imported).toMatchObject([{ version: next, variants: ["fp32", "q8"], files: 5 }]);
});

test("a version that no hub made is found by its name, and as main, in the layout hf", async () => {
  await using world = await openWorld();
  const digest = sha256Of("tree");
  await world.store.put(digest, new TextEncoder().encode("tree"));
  await world.registry.recordBlob({ digest, sizeBytes: 4 });
  const files = [{ path: "model.bin", digest, sizeBytes: 4, sources: [] }];
  for (const version of ["1.0.0", "1.1.0"]) {
    await world.versions.add({ model: "iris", version, variant: "default", files, aliases: [] });
  }
  await world.versions.setAlias("iris", "stable", "1.0.0");
  const refsAfter = async (reference: string) => {
    const { folder, cache_folder: cacheFolder = "" } = await ensurePath(world, reference, { layout: "hf" });
    expect(await readFile(join(folder, "model.bin"), "utf8")).toBe("tree");
    const refs = join(cacheFolder, "models--iris/refs");
    return Object.fromEntries(
      await Promise.all(
        (await readdir(refs)).map(async (name) => [name, await readFile(join(refs, name), "utf8")]),
      ),
    );
  };
  const [first, second] = ["1.0.0", "1.1.0"].map((version) => sha256Of(version).slice(0, 40));
  expect(await refsAfter("iris@stable")).toEqual({ "1.0.0": first, "stable": first });
  expect(await refsAfter("iris")).toEqual({
    ...{ "1.0.0": first, "stable": first },
    ...{ "1.1.0": second, "main": second },
  });
  const error = await ensurePath(world, "iris@1.2.0", { layout: "hf" }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "VERSION_NOT_FOUND" });
});
