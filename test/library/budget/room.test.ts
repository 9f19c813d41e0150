import { expect, test } from "bun:test";
import { closeSync, constants, openSync, statfsSync, writeSync } from "node:fs";
import { mkdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import type { LibrarySettings } from "../../../src/library/index.ts";
import { startHub } from "../../helpers/hub.ts";
import { openTestLibrary, pullAndWait, type TestLibrary } from "../../helpers/library.ts";
import { type Origin, pseudoRandomBytes, startOrigin } from "../../helpers/origin.ts";
import { expectSound } from "../../helpers/sound.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { testOnTmpfs, type Tmpfs } from "../../helpers/tmpfs.ts";
import { waitUntil } from "../../helpers/wait.ts";
import { exactly, expectDone, expectFailed, fileOf, MIB } from "../pulling.ts";

const DISK_BYTES = 24 * MIB;

type Disk = Partial<LibrarySettings["disk"]>;

/** A library whose home is on a small disk; each test ends with a look at what was left. */
function testOnSmallDisk(
  name: string,
  disk: Disk,
  work: (tools: { origin: Origin; larder: TestLibrary; mount: Tmpfs }) => Promise<void>,
): void {
  testOnTmpfs({ sizeBytes: DISK_BYTES }, name, async (mount) => {
    await using origin = await startOrigin();
    await using larder = await openTestLibrary({ home: join(mount.path, "home"), disk });
    await work({ origin, larder, mount });
    await expectSound(larder);
  }, 20_000);
}

async function pull({ library }: TestLibrary, origin: Origin, model: string, mib: number, seed: number) {
  const bytes = pseudoRandomBytes(seed, mib * MIB);
  return await pullAndWait(library, fileOf(origin.file(`/${model}`, bytes), exactly(bytes), model));
}

/** Of which something is here, in order of name. */
function models({ registry }: TestLibrary): string[] {
  return registry.listModels({ limit: 100 }).map(({ model }) => model);
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}

testOnSmallDisk(
  "a disk that is full for a pull gets room by who may leave, where a budget allows all of it",
  { bytesMax: "100%" },
  async ({ origin, larder }) => {
    expectDone(await pull(larder, origin, "a", 9, 1));
    expectDone(await pull(larder, origin, "b", 9, 2));
    expectDone(await pull(larder, origin, "c", 12, 3));
    expect(models(larder)).toEqual(["b", "c"]);
    const view = await pull(larder, origin, "d", 30, 4);
    expectFailed(view, "NO_SPACE");
    expect(models(larder)).toEqual(["b", "c"]);
  },
);

testOnSmallDisk("what is to stay free stays free", { freeMin: "50%" }, async ({ origin, larder, mount }) => {
  expectDone(await pull(larder, origin, "a", 6, 1));
  expectDone(await pull(larder, origin, "b", 5, 2));
  expectDone(await pull(larder, origin, "c", 5, 3));
  expect(models(larder)).toEqual(["b", "c"]);
  expect(freeBytes(mount.path)).toBeGreaterThanOrEqual(DISK_BYTES / 2);
  expect(await larder.library.budget.explain()).toMatchObject({
    budget_bytes: null,
    free_min_bytes: DISK_BYTES / 2,
  });
});

testOnSmallDisk(
  "when somebody else fills the disk, the next look makes room again",
  { freeMin: 8 * MIB },
  async ({ origin, larder, mount }) => {
    for (const [seed, model] of ["a", "b", "c"].entries()) {
      expectDone(await pull(larder, origin, model, 4, seed));
    }
    const fd = openSync(join(mount.path, "filler"), constants.O_WRONLY | constants.O_CREAT);
    for (let mib = 0; mib < 6; mib++) writeSync(fd, new Uint8Array(MIB));
    closeSync(fd);
    expect(models(larder)).toEqual(["a", "b", "c"]);
    larder.library.keepBudget();
    await waitUntil(() => freeBytes(mount.path) >= 8 * MIB);
    expect(models(larder)).toEqual(["b", "c"]);
  },
);

testOnSmallDisk(
  "a file without a known length has room made for it when its length is told",
  { bytesMax: "100%" },
  async ({ origin, larder }) => {
    expectDone(await pull(larder, origin, "a", 9, 1));
    expectDone(await pull(larder, origin, "b", 9, 2));
    const url = origin.file("/c", pseudoRandomBytes(3, 12 * MIB));
    expectDone(await pullAndWait(larder.library, fileOf(url, {}, "c")));
    expect(models(larder)).toEqual(["b", "c"]);
  },
);

testOnSmallDisk(
  "an import that finds the disk full has room made for it",
  { bytesMax: "100%" },
  async ({ origin, larder }) => {
    await using folder = await tempFolder();
    const path = join(folder.path, "model.bin");
    await Bun.write(path, pseudoRandomBytes(5, 12 * MIB));
    expectDone(await pull(larder, origin, "a", 9, 1));
    expectDone(await pull(larder, origin, "b", 9, 2));
    let job = await larder.library.importPath({ path, model: "c" });
    for await (job of larder.library.watchJob(job.id));
    expect(job.error).toBeNull();
    expect(models(larder)).toEqual(["b", "c"]);
  },
);

testOnSmallDisk("without limits a full disk is a full disk", {}, async ({ origin, larder }) => {
  expectDone(await pull(larder, origin, "a", 9, 1));
  expectDone(await pull(larder, origin, "b", 9, 2));
  expectFailed(await pull(larder, origin, "c", 12, 3), "NO_SPACE");
  expect(models(larder)).toEqual(["a", "b"]);
});

test(
  "of a hub's variants a smaller one is taken only when nobody can make room for the one asked for",
  async () => {
    await using hub = await startHub();
    const repository = (id: string, seed: number) =>
      hub.repository({ id }).commit({
        "tiny.Q8_0.gguf": pseudoRandomBytes(seed, 3 * MIB),
        "tiny.Q4_K_M.gguf": pseudoRandomBytes(seed + 1, 2 * MIB),
        "tiny.Q2_K.gguf": pseudoRandomBytes(seed + 2, MIB),
      });
    repository("acme/one", 1);
    repository("acme/two", 11);
    await using larder = await openTestLibrary({ hub: [hub.endpoint], disk: { bytesMax: 4 * MIB } });
    const { library, registry } = larder;
    expect(await pullAndWait(library, { model: "acme/one", variant: "Q8_0" })).toMatchObject({
      state: "done",
    });
    expect((await library.scan({ model: "acme/two" })).variants.every(({ fits_disk }) => fits_disk)).toBe(
      true,
    );
    await registry.putOptions({ model: "acme/one", variant: "", pinned: true, options: {} });
    const fits = (await library.scan({ model: "acme/two" })).variants.map((
      { name, fits_disk },
    ) => [name, fits_disk]);
    expect(Object.fromEntries(fits)).toEqual({ Q8_0: false, Q4_K_M: false, Q2_K: true });
    const taken = await pullAndWait(library, { model: "acme/two" });
    expect([taken.state, taken.variant]).toEqual(["done", "Q2_K"]);
    expect(taken.skipped.map(({ variant, error }) => [variant, error.code])).toEqual([[
      "Q4_K_M",
      "NO_SPACE",
    ]]);

    await registry.putOptions({ model: "acme/one", variant: "", pinned: false, options: {} });
    const asked = await pullAndWait(library, { model: "acme/two", variant: "Q4_K_M" });
    expect([asked.state, asked.variant]).toEqual(["done", "Q4_K_M"]);
    expect(models(larder)).toEqual(["acme/two"]);
    const scan = await library.scan({ model: "acme/one" });
    expect(scan.variants.map(({ status }) => status)).toEqual(["available", "available", "available"]);
    await expectSound(larder);
  },
  20_000,
);

test("what lies in a watched folder stays", async () => {
  await using folder = await tempFolder();
  await using origin = await startOrigin();
  const watched = join(await realpath(folder.path), "watched");
  await mkdir(watched);
  await using larder = await openTestLibrary({
    disk: { bytesMax: 4 * MIB },
    settings: {
      watched: { home: join(folder.path, "home"), folders: [watched], mode: "copy", settleMs: 50 },
    },
    home: join(folder.path, "home"),
  });
  expectDone(await pull(larder, origin, "a", 2, 1));
  const { version } = (await larder.library.describe("a")).version;
  await larder.registry.putWatchedFiles([{
    ...{ folder: watched, model: "a", version, path: "f" },
    ...{ sizeBytes: 2 * MIB, modifiedMs: 1, takenAtS: 1 },
  }]);
  expectFailed(await pull(larder, origin, "b", 3, 2), "NO_SPACE");
  expect((await larder.library.budget.explain()).kept).toMatchObject([{ reason: "in a watched folder" }]);
  expectDone(await pull(larder, origin, "c", 2, 3));
  expectDone(await pull(larder, origin, "d", 2, 4));
  expect(models(larder)).toEqual(["a", "d"]);
}, 20_000);

testOnSmallDisk(
  "bytes that somebody still reads are waited for: nobody else goes for their room",
  { bytesMax: "100%" },
  async ({ origin, larder }) => {
    expectDone(await pull(larder, origin, "a", 9, 1));
    expectDone(await pull(larder, origin, "b", 9, 2));
    const { path } = await larder.library.serveFile("a", "latest", "f");
    const fd = openSync(path, constants.O_RDONLY);
    const pulled = pull(larder, origin, "c", 12, 3);
    await waitUntil(() => origin.requestsFor("/c", "GET").length > 0);
    // Long enough for whoever would not wait.
    await Bun.sleep(500);
    expect(models(larder)).toEqual(["b"]);
    closeSync(fd);
    expectDone(await pulled);
    expect(models(larder)).toEqual(["b", "c"]);
  },
);
