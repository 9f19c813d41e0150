import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { LarderEvent } from "../../../src/core/index.ts";
import type {
  GcResult,
  JobView,
  Library,
  LibrarySettings,
  UpkeepRequest,
} from "../../../src/library/index.ts";
import { digestOf } from "../../helpers/digest.ts";
import { openTestLibrary, pullAndWait, type TestLibrary, waitForPull } from "../../helpers/library.ts";
import { type Origin, pseudoRandomBytes, startOrigin } from "../../helpers/origin.ts";
import { blobCount, expectSound } from "../../helpers/sound.ts";
import { waitUntil } from "../../helpers/wait.ts";
import { expectDone, expectFailed, fileOf, MIB } from "../pulling.ts";

type Disk = Partial<LibrarySettings["disk"]>;
type Work = (larder: TestLibrary, origin: Origin) => Promise<void>;

/** A library with a disk budget, and an origin; each test ends with a look at what was left. */
function testWithBudget(name: string, disk: Disk, work: Work): void {
  test(name, async () => {
    await using origin = await startOrigin();
    await using larder = await openTestLibrary({ disk });
    await work(larder, origin);
    await expectSound(larder);
  }, 20_000);
}

async function jobDone(library: Library, job: Promise<JobView>): Promise<JobView> {
  let view = await job;
  for await (view of library.watchJob(view.id));
  return view;
}

async function gc({ library }: TestLibrary, request: UpkeepRequest = {}): Promise<GcResult> {
  return (await jobDone(library, library.gc(request))).result as GcResult;
}

/** Pulls a model of so many MiB, all of its own bytes. */
async function pull(larder: TestLibrary, origin: Origin, model: string, mib: number): Promise<void> {
  const bytes = pseudoRandomBytes(seedOf(model), mib * MIB);
  expectDone(await pullAndWait(larder.library, fileOf(origin.file(`/${model}`, bytes), {}, model)));
}

function seedOf(model: string): number {
  return [...model].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7);
}

/** Of which something is here, in order of name. */
function models({ registry }: TestLibrary): string[] {
  return registry.listModels({ limit: 100 }).map(({ model }) => model);
}

/** So many uses, the last at that time. */
async function used({ registry }: TestLibrary, model: string, count: number, usedAtS: number): Promise<void> {
  const version = registry.findModel(model)?.versions[0]?.version ?? "";
  const use = { model, version, variant: "default", count, usedAtS, loadsMs: [] };
  await registry.recordUses({ variants: [use], hours: [], follows: [] });
}

const FAR_S = 4_000_000_000;

testWithBudget("without a budget nobody leaves", {}, async (larder, origin) => {
  await pull(larder, origin, "a", 3);
  await pull(larder, origin, "b", 3);
  expect(await larder.library.budget.explain()).toMatchObject({
    budget_bytes: null,
    used_bytes: 6 * MIB,
    excess_bytes: 0,
    victims: [],
  });
  expect((await gc(larder)).evicted).toEqual([]);
  expect(models(larder)).toEqual(["a", "b"]);
});

testWithBudget(
  "a pull makes room for itself: the longest unused goes",
  { bytesMax: 8 * MIB },
  async (larder, origin) => {
    const told: LarderEvent[] = [];
    larder.events.subscribe((event) => told.push(event));
    await pull(larder, origin, "a", 3);
    await pull(larder, origin, "b", 3);
    await used(larder, "a", 1, FAR_S);
    await pull(larder, origin, "c", 4);
    expect(models(larder)).toEqual(["a", "c"]);
    expect(blobCount(larder.home)).toBe(2);
    expect(told.filter(({ type }) => type === "removed")).toMatchObject([{ model: "b" }]);
    expect(await larder.library.budget.explain()).toMatchObject({ used_bytes: 7 * MIB, excess_bytes: 0 });
  },
);

testWithBudget("only as many go as the room is needed of", { bytesMax: 12 * MIB }, async (larder, origin) => {
  for (const model of ["a", "b", "c"]) await pull(larder, origin, model, 4);
  await pull(larder, origin, "d", 3);
  expect(models(larder)).toEqual(["b", "c", "d"]);
  await pull(larder, origin, "e", 5);
  expect(models(larder)).toEqual(["c", "d", "e"]);
});

testWithBudget(
  "when there cannot be room, nobody goes and the error says what holds it",
  { bytesMax: 8 * MIB },
  async (larder, origin) => {
    await pull(larder, origin, "pinned", 5);
    await pull(larder, origin, "other", 2);
    await larder.registry.putOptions({ model: "pinned", variant: "", pinned: true, options: {} });
    const bytes = pseudoRandomBytes(1, 4 * MIB);
    const view = await pullAndWait(
      larder.library,
      fileOf(origin.file("/big", bytes), { size: 4 * MIB }, "big"),
    );
    expectFailed(view, "NO_SPACE");
    expect(view.error?.details).toMatchObject({
      needed_bytes: 4 * MIB,
      missing_bytes: MIB,
      budget_bytes: 8 * MIB,
      used_bytes: 7 * MIB,
      held_bytes: { pinned: 5 * MIB },
    });
    expect(origin.requestsFor("/big")).toEqual([]);
    expect(models(larder)).toEqual(["other", "pinned"]);
  },
);

testWithBudget("a pin of one variant keeps that variant", { bytesMax: 8 * MIB }, async (larder, origin) => {
  await pull(larder, origin, "a", 3);
  await larder.registry.putOptions({ model: "a", variant: "default", pinned: true, options: {} });
  await pull(larder, origin, "b", 3);
  await pull(larder, origin, "c", 4);
  expect(models(larder)).toEqual(["a", "c"]);
});

testWithBudget("what is loaded stays", { bytesMax: 8 * MIB }, async (larder, origin) => {
  await pull(larder, origin, "a", 3);
  await larder.library.models.load({ model: "a" });
  await used(larder, "a", 1, 1);
  await pull(larder, origin, "b", 3);
  expect((await larder.library.budget.explain()).kept).toMatchObject([{ model: "a", reason: "loaded" }]);
  await pull(larder, origin, "c", 4);
  expect(models(larder)).toEqual(["a", "c"]);
  await larder.library.models.unload({ model: "a" });
  await pull(larder, origin, "d", 3);
  expect(models(larder)).toEqual(["c", "d"]);
});

testWithBudget(
  "one variant goes, the others of its version stay",
  { bytesMax: 9 * MIB },
  async (larder, origin) => {
    const told: LarderEvent[] = [];
    const part = (name: string, mib: number) => ({
      path: name,
      urls: [origin.file(`/${name}`, pseudoRandomBytes(seedOf(name), mib * MIB))],
    });
    const variant = (name: string) => ({
      model: "m",
      revision: "1",
      variant: name,
      files: [part("common", 1), part(name, 3)],
    });
    expectDone(await pullAndWait(larder.library, variant("q4")));
    expectDone(await pullAndWait(larder.library, variant("q8")));
    const { folder } = await larder.library.path("m@1");
    larder.events.subscribe((event) => told.push(event));
    await pull(larder, origin, "n", 4);
    const { version } = await larder.library.describe("m@1");
    expect(version.variants).toMatchObject([{ name: "q8", files: ["common", "q8"] }]);
    expect(version.files.map(({ path }) => path)).toEqual(["common", "q8"]);
    expect(told).toContainEqual({
      type: "variant",
      model: "m",
      version: "1",
      variant: "q4",
      status: "available",
    });
    expect(["common", "q4", "q8"].map((name) => existsSync(join(folder, name)))).toEqual([true, false, true]);
    const manifest = JSON.parse(readFileSync(join(larder.home, "manifests", "m", "1.json"), "utf8"));
    expect(JSON.stringify(manifest)).not.toContain(digestOf(pseudoRandomBytes(seedOf("q4"), 3 * MIB)));
  },
);

testWithBudget("what others share is no reason to go", { bytesMax: 9 * MIB }, async (larder, origin) => {
  const shared = origin.file("/shared", pseudoRandomBytes(5, 3 * MIB));
  for (const model of ["a", "b"]) {
    expectDone(await pullAndWait(larder.library, fileOf(shared, {}, model)));
  }
  await larder.registry.putOptions({ model: "b", variant: "", pinned: true, options: {} });
  await pull(larder, origin, "c", 3);
  await pull(larder, origin, "d", 4);
  expect(models(larder)).toEqual(["a", "b", "d"]);
});

testWithBudget(
  "what a pull is about to find here does not leave for it",
  { bytesMax: 8 * MIB },
  async (larder, origin) => {
    const old = pseudoRandomBytes(6, 3 * MIB);
    const fresh = pseudoRandomBytes(7, 3 * MIB);
    const oldUrl = origin.file("/old", old);
    expectDone(await pullAndWait(larder.library, fileOf(oldUrl, {}, "a")));
    await pull(larder, origin, "b", 3);
    origin.requests.length = 0;
    const files = [
      { path: "old", urls: [oldUrl], sha256: digestOf(old), size: old.length },
      { path: "fresh", urls: [origin.file("/fresh", fresh)], sha256: digestOf(fresh), size: fresh.length },
    ];
    expectDone(await pullAndWait(larder.library, { model: "c", files }));
    expect(origin.requestsFor("/old")).toEqual([]);
    expect(models(larder)).toEqual(["a", "c"]);
  },
);

testWithBudget(
  "a resumed pull needs room for the rest only",
  { bytesMax: 16 * MIB },
  async (larder, origin) => {
    await pull(larder, origin, "a", 3);
    const bytes = pseudoRandomBytes(8, 12 * MIB);
    const url = origin.file("/f", bytes, { etag: '"1"' });
    origin.fault("/f", [{ kind: "cut", afterBytes: 11 * MIB }, { kind: "status", status: 404 }]);
    const known = { size: bytes.length, sha256: digestOf(bytes) };
    expectFailed(await pullAndWait(larder.library, fileOf(url, known)), "UPSTREAM_NOT_FOUND");
    expectDone(await pullAndWait(larder.library, fileOf(url, known)));
    expect(models(larder)).toEqual(["a", "m"]);
  },
);

testWithBudget("gc tells who would go and takes them off the disk", {}, async (larder, origin) => {
  for (const model of ["a", "b", "c"]) await pull(larder, origin, model, 2);
  await used(larder, "a", 3, FAR_S);
  await larder.library.budget.setSettings({ policy: "least_used" });
  expect(await larder.library.budget.setSettings({ bytes_max: 20 * MIB })).toEqual({
    bytes_max: 20 * MIB,
    free_min: 0,
    policy: "least_used",
  });
  expect((await larder.library.models.explain()).disk).toMatchObject({
    budget_bytes: 20 * MIB,
    excess_bytes: 0,
    victims: [],
    next: [{ model: "b" }, { model: "c" }, { model: "a" }],
  });
  expect((await gc(larder, { dry_run: true })).evicted).toEqual([]);
});

testWithBudget("changed settings are kept at once", {}, async (larder, origin) => {
  for (const model of ["a", "b", "c"]) await pull(larder, origin, model, 2);
  await larder.library.budget.setSettings({ bytes_max: 4 * MIB });
  await waitUntil(() => models(larder).length === 2);
  expect(models(larder)).toEqual(["b", "c"]);
});

test("gc evicts in a home that is over its budget, and as a dry run only says so", async () => {
  await using origin = await startOrigin();
  await using first = await openTestLibrary();
  for (const model of ["a", "b", "c"]) await pull(first, origin, model, 2);
  await first.close();
  await using larder = await openTestLibrary({ home: first.home, disk: { bytesMax: 3 * MIB } });
  const dry = await gc(larder, { dry_run: true });
  expect(dry.evicted.map(({ model, bytes }) => [model, bytes])).toEqual([["a", 2 * MIB], ["b", 2 * MIB]]);
  expect(models(larder)).toEqual(["a", "b", "c"]);
  expect((await larder.library.budget.explain()).victims).toEqual([...dry.evicted]);
  const done = await gc(larder);
  expect(done.evicted).toEqual([...dry.evicted]);
  expect(models(larder)).toEqual(["c"]);
  expect(blobCount(larder.home)).toBe(1);
}, 20_000);

testWithBudget(
  "what was imported from a file that is gone leaves last",
  { bytesMax: 8 * MIB },
  async (larder, origin) => {
    for (const name of ["gone", "there"]) {
      const path = join(larder.home, "..", name);
      await Bun.write(path, pseudoRandomBytes(seedOf(name), 2 * MIB));
      const job = await jobDone(
        larder.library,
        larder.library.importPath({ path, model: name, mode: "copy" }),
      );
      expect(job.error).toBeNull();
    }
    await rm(join(larder.home, "..", "gone"));
    await pull(larder, origin, "a", 3);
    await pull(larder, origin, "b", 2);
    expect(models(larder)).toEqual(["a", "b", "gone"]);
    await pull(larder, origin, "c", 6);
    expect(models(larder)).toEqual(["c", "gone"]);
    await pull(larder, origin, "d", 7);
    expect(models(larder)).toEqual(["d"]);
  },
);

testWithBudget(
  "what is set for a model outlives its eviction",
  { bytesMax: 4 * MIB },
  async (larder, origin) => {
    await pull(larder, origin, "a", 3);
    await larder.registry.putOptions({ model: "a", variant: "", pinned: false, options: { threads: 2 } });
    await pull(larder, origin, "b", 3);
    expect(models(larder)).toEqual(["b"]);
    expect(larder.registry.findOptions("a")).toMatchObject([{ options: { threads: 2 } }]);
  },
);

testWithBudget(
  "pulls at once share the budget: nobody is over it, whoever has no room is told",
  { bytesMax: 10 * MIB },
  async (larder, origin) => {
    origin.bytesPerSecond = 20 * MIB;
    const pulls = await Promise.all(["a", "b", "c"].map((model) => {
      const bytes = pseudoRandomBytes(seedOf(model), 4 * MIB);
      return larder.library.pull(fileOf(origin.file(`/${model}`, bytes), { size: bytes.length }, model));
    }));
    const views = await Promise.all(pulls.map(({ id }) => waitForPull(larder.library, id)));
    for (const view of views) if (view.state !== "done") expectFailed(view, "NO_SPACE");
    expect(views.filter(({ state }) => state === "done").length).toBeGreaterThanOrEqual(2);
    expect((await larder.library.budget.explain()).used_bytes).toBeLessThanOrEqual(10 * MIB);
  },
);

test("gc forgets blobs that a killed process had deleted already, so that they count no more", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary({ disk: { bytesMax: 8 * MIB } });
  await pull(larder, origin, "a", 2);
  const lost = digestOf("lost") as never;
  await larder.registry.recordBlob({ digest: lost, sizeBytes: 5 * MIB });
  expect((await larder.library.budget.explain()).used_bytes).toBe(7 * MIB);
  await gc(larder);
  expect(larder.registry.findBlob(lost)).toBeUndefined();
  expect((await larder.library.budget.explain()).used_bytes).toBe(2 * MIB);
  await larder.registry.recordBlob({ digest: lost, sizeBytes: 5 * MIB });
  await pull(larder, origin, "b", 4);
  expect(models(larder)).toEqual(["a", "b"]);
}, 20_000);
