import { expect, test } from "bun:test";
import { join } from "node:path";
import type { ClearResult, UseView } from "../../../src/library/index.ts";
import { openTestLibrary, type TestLibrary, waitForPull } from "../../helpers/library.ts";
import { linearOnnx } from "../../helpers/onnx-files.ts";
import { pseudoRandomBytes, startOrigin } from "../../helpers/origin.ts";
import { expectSound } from "../../helpers/sound.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

/** A model's first load starts a process of its own, which takes its time on a busy machine. */
const TIMEOUT_MS = 60_000;
const KNOWN = { hours: [], follows: [] };

/** Takes a version in by the normal way. */
async function add({ library }: TestLibrary, model: string, bytes: Uint8Array, version = "1"): Promise<void> {
  await using folder = await tempFolder();
  const path = join(folder.path, "model.onnx");
  await Bun.write(path, bytes);
  const { id } = await library.importPath({ path, model, version });
  for await (const { error } of library.watchJob(id)) expect(error).toBeNull();
}

function names(uses: readonly UseView[]): string[] {
  return uses.map(({ model, version }) => `${model}@${version}`);
}

test("use of a reference: of one version, of all, of a variant that is not here", async () => {
  await using larder = await openTestLibrary();
  const { library, registry } = larder;
  await add(larder, "iris", pseudoRandomBytes(1, 100), "1");
  await add(larder, "iris", pseudoRandomBytes(2, 250), "2");
  const use = { model: "iris", version: "2", variant: "default", count: 3, loadsMs: [10, 30] };
  const nowS = Date.now() / 1000;
  await registry.recordUses({ ...KNOWN, variants: [{ ...use, usedAtS: nowS + 0.5 }] });
  const { model, variants: [first, second] } = await library.catalog.use("iris");
  expect(model).toBe("iris");
  expect(first).toMatchObject({ version: "1", access_count: 0, last_used_at: null, load_ms: null });
  expect(first?.age_seconds).toBe(first?.idle_seconds ?? -1);
  expect(first?.age_seconds).toBeLessThan(60);
  expect(second).toEqual({
    ...{ model: "iris", version: "2", variant: "default" },
    ...{ access_count: 3, last_used_at: nowS + 0.5, load_ms: 20, size_bytes: 250, memory_bytes: null },
    age_seconds: expect.any(Number),
    idle_seconds: expect.any(Number),
  });
  expect((await library.catalog.use("iris@latest")).variants.map(({ version }) => version)).toEqual(["2"]);
  expect((await library.catalog.use("iris@1:default")).variants.map(({ version }) => version)).toEqual(["1"]);
  for (const [reference, code] of [["none", "MODEL"], ["iris@3", "VERSION"], ["iris:q4", "VARIANT"]]) {
    await expect(library.catalog.use(reference ?? "")).rejects.toMatchObject({ code: `${code}_NOT_FOUND` });
  }
}, TIMEOUT_MS);

test(
  "what is on the disk comes most recently used first, what is loaded with the memory it takes",
  async () => {
    await using larder = await openTestLibrary();
    const { catalog, models } = larder.library;
    for (const model of ["a", "b", "c"]) await add(larder, model, linearOnnx());
    expect(await catalog.cached({ where: "memory" })).toEqual([]);
    await models.load({ model: "b" }, { isPreload: true });
    await larder.registry.recordUses({
      ...KNOWN,
      variants: [{ model: "a", version: "1", variant: "default", count: 1, usedAtS: 9e9, loadsMs: [] }],
    });
    expect(names(await catalog.cached())).toEqual(["a@1", "c@1", "b@1"]);
    expect(names(await catalog.cached({ limit: 1 }))).toEqual(["a@1"]);
    const [loaded, none] = await catalog.cached({ where: "memory" });
    expect([loaded?.model, none]).toEqual(["b", undefined]);
    expect(loaded?.memory_bytes).toBeGreaterThan(0);
    const usage = await catalog.usage();
    expect(usage).toMatchObject({ models: 3, versions: 3, blobs: 1, total_bytes: linearOnnx().length });
    expect(usage).toMatchObject({ budget_bytes: null, usage_percent: null });
    expect(usage.disk?.free_bytes).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

test(
  "clearing removes all and frees their bytes, but leaves a model alone that is being pulled",
  async () => {
    await using larder = await openTestLibrary();
    await using origin = await startOrigin();
    const { library } = larder;
    const shared = pseudoRandomBytes(3, 5000);
    for (const model of ["a", "b", "pulled"]) await add(larder, model, shared);
    await add(larder, "a", pseudoRandomBytes(4, 700), "2");
    origin.bytesPerSecond = 1000;
    const urls = [origin.file("/f", pseudoRandomBytes(5, 20_000))];
    const { id } = await library.pull({ model: "pulled", revision: "2", files: [{ path: "f", urls }] });

    await expect(library.catalog.clear({ confirm: false })).rejects.toMatchObject({ code: "BAD_BODY" });
    expect((await library.list({})).total).toBe(3);
    expect(await cleared(larder)).toEqual({
      ...{ models: 2, versions: 3, bytes_freed: 700 },
      left_out: [{
        model: "pulled",
        reason: expect.stringMatching(new RegExp(`^pull ${id} is (?:queued|running)$`)),
      }],
    });
    expect((await library.list({})).models.map(({ model }) => model)).toEqual(["pulled"]);

    origin.bytesPerSecond = Infinity;
    expect((await waitForPull(library, id)).state).toBe("done");
    expect(await cleared(larder)).toEqual({ models: 1, versions: 2, bytes_freed: 25_000, left_out: [] });
    expect(await library.catalog.usage()).toMatchObject({ models: 0, blobs: 0, total_bytes: 0 });
    await expectSound(larder);
  },
  TIMEOUT_MS,
);

async function cleared({ library }: TestLibrary): Promise<ClearResult> {
  let last = await library.catalog.clear({ confirm: true });
  for await (last of library.watchJob(last.id));
  expect(last).toMatchObject({ kind: "clear", state: "done", error: null });
  return last.result as ClearResult;
}
