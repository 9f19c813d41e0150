import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { type AccessOrder, openRegistry } from "../../src/registry/index.ts";
import { MIGRATIONS } from "../../src/registry/schema.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { versionOf, withRegistry } from "./fixtures.ts";

const NOTHING = { variants: [], hours: [], follows: [] };

test("a version's variants are listed by use: those that were never used by their arrival", () =>
  withRegistry(async (registry) => {
    const files = (n: number) => [{ path: "f", content: "x".repeat(n) }];
    await registry.putVersion(versionOf("a", "1", files(30), 100));
    await registry.putVersion(versionOf("b", "1", files(20), 200));
    await registry.putVersion(versionOf("c", "1", files(10), 300));
    const use = { version: "1", variant: "default", loadsMs: [] };
    await registry.recordUses({
      ...NOTHING,
      variants: [{ ...use, model: "a", count: 2, usedAtS: 400 }, {
        ...use,
        model: "b",
        count: 5,
        usedAtS: 250,
      }],
    });
    const names = (order: AccessOrder) => registry.listAccess({ order, limit: 10 }).map(({ model }) => model);
    expect(names("oldest")).toEqual(["b", "c", "a"]);
    expect(names("recent")).toEqual(["a", "c", "b"]);
    expect(names("least_used")).toEqual(["c", "a", "b"]);
    expect(names("largest")).toEqual(["a", "b", "c"]);
    expect(registry.listAccess({ order: "oldest", limit: 1 })).toEqual([
      {
        model: "b",
        version: "1",
        variant: "default",
        count: 5,
        usedAtS: 250,
        arrivedAtS: 200,
        sizeBytes: 20,
      },
    ]);
  }));

test("a variant that joins an old version has arrived when it came, not when the version did", () =>
  withRegistry(async (registry) => {
    const version = versionOf("a", "1");
    await registry.putVersion(version);
    const paths = version.files.map(({ path }) => path);
    const startS = Date.now() / 1000;
    await registry.putVersion({
      ...version,
      variants: [...version.variants, { name: "q4", status: "downloaded", paths }],
    });
    const [first, second] = registry.accessOf("a");
    expect(first).toMatchObject({ variant: "default", arrivedAtS: 1000, usedAtS: 1000 });
    expect(second?.variant).toBe("q4");
    expect(second?.arrivedAtS).toBeGreaterThanOrEqual(startS);
    expect(second?.usedAtS).toBe(second?.arrivedAtS ?? 0);
    expect(registry.variantsOfFile("a", "1", "model.bin")).toEqual(["default", "q4"]);
    expect(registry.variantsOfFile("a", "1", "other")).toEqual([]);
  }));

test("loads are kept as their mean, and survive that the version is written again and the file opened anew", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "registry.sqlite");
  const first = await openRegistry({ path });
  await first.putVersion(versionOf("a", "1"));
  const use = { model: "a", version: "1", variant: "default", count: 1 };
  await first.recordUses({ ...NOTHING, variants: [{ ...use, usedAtS: 5000, loadsMs: [10, 20] }] });
  await first.recordUses({ ...NOTHING, variants: [{ ...use, usedAtS: 4000, loadsMs: [60] }] });
  await first.putVersion(versionOf("a", "1"));
  await first.close();
  const second = await openRegistry({ path });
  expect(second.accessOf("a")).toMatchObject([{ count: 2, usedAtS: 5000, loadMs: 30 }]);
  await second.close();
});

test("use goes with its version, and what was set for a model with its last one", () =>
  withRegistry(async (registry) => {
    await registry.putVersion(versionOf("a", "1"));
    await registry.putVersion(versionOf("a", "2"));
    await registry.putOptions({ model: "a", variant: "", pinned: true, options: { threads: 2 } });
    await registry.recordUses({
      variants: [],
      hours: [{ model: "a", variant: "default", hour: 167, count: 3 }],
      follows: [{ model: "a", variant: "default", nextModel: "b", nextVariant: "q4", count: 1 }],
    });
    await registry.removeVersion("a", "1");
    expect(registry.accessOf("a").map(({ version }) => version)).toEqual(["2"]);
    expect(registry.listPinned()).toEqual([{
      model: "a",
      variant: "",
      pinned: true,
      options: { threads: 2 },
    }]);
    expect(registry.usageHours()).toEqual([{ model: "a", variant: "default", hour: 167, count: 3 }]);
    await registry.removeVersion("a", "2");
    expect(registry.accessOf("a")).toEqual([]);
    expect([registry.findOptions("a"), registry.usageHours(), registry.usageFollows()]).toEqual([[], [], []]);
  }));

test("of what follows a model the most frequent are known, and a new one can become one of them", () =>
  withRegistry(async (registry) => {
    const follow = (nextModel: string, count: number) => ({
      ...{ model: "a", variant: "default", nextModel, nextVariant: "default", count },
    });
    const others = Array.from({ length: 63 }, (_, index) => follow(`often-${index}`, 10 + index));
    await registry.recordUses({ ...NOTHING, follows: [...others, follow("rare", 2)] });
    await registry.recordUses({ ...NOTHING, follows: [follow("often-62", 1), follow("new", 1)] });
    const known = registry.usageFollows();
    expect(known).toHaveLength(64);
    expect(known.at(0)).toEqual(follow("often-62", 73));
    expect(known.at(-1)).toEqual(follow("new", 3));
    await registry.recordUses({ ...NOTHING, follows: [{ ...follow("rare", 1), model: "b" }] });
    expect(registry.usageFollows()).toHaveLength(65);
  }));

test("uses of what is not here any more bring nothing back", () =>
  withRegistry(async (registry) => {
    const gone = { model: "gone", version: "1", variant: "default", count: 1, usedAtS: 1, loadsMs: [] };
    await registry.recordUses({ ...NOTHING, variants: [gone] });
    expect(registry.listAccess({ order: "oldest", limit: 10 })).toEqual([]);
  }));

test("what is to be preloaded is listed by priority, then by time", () =>
  withRegistry(async (registry) => {
    const row = { origin: "user", priority: 0 } as const;
    await registry.putPreload([
      { ...row, reference: "late", addedAtS: 3 },
      { ...row, reference: "early", addedAtS: 1 },
      { ...row, reference: "urgent@1:q4", addedAtS: 9, priority: 5 },
    ]);
    await registry.putPreload([{ ...row, reference: "late", addedAtS: 0, origin: "restart" }]);
    expect(registry.listPreload().map(({ reference }) => reference)).toEqual([
      "urgent@1:q4",
      "late",
      "early",
    ]);
    expect(await registry.removePreload(["late", "nobody"])).toBe(1);
    expect(await registry.removePreload()).toBe(2);
    expect(registry.listPreload()).toEqual([]);
  }));

test("options are one row a variant; a watched file is one row a version and path", () =>
  withRegistry(async (registry) => {
    await registry.putOptions({ model: "a", variant: "q4", pinned: false, options: { context_length: 512 } });
    await registry.putOptions({ model: "a", variant: "", pinned: true, options: {} });
    await registry.putOptions({
      model: "a",
      variant: "q4",
      pinned: false,
      options: { context_length: 1024 },
    });
    expect(registry.findOptions("a").map(({ variant, options }) => [variant, options])).toEqual([
      ["", {}],
      ["q4", { context_length: 1024 }],
    ]);
    expect(await registry.removeOptions("a", "q4")).toBe(true);
    expect(await registry.removeOptions("a", "q4")).toBe(false);
    const file = { folder: "/w", model: "a", version: "1", path: "a.onnx", sizeBytes: 1, modifiedMs: 2.5 };
    const later = { ...file, version: "2", takenAtS: 8 };
    await registry.putWatchedFiles([{ ...file, takenAtS: 7 }, later, { ...later, folder: "/other" }]);
    await registry.putWatchedFiles([{ ...file, sizeBytes: 9, takenAtS: 7 }]);
    expect(registry.listWatchedFiles("/w")).toEqual([{ ...file, sizeBytes: 9, takenAtS: 7 }, later]);
    await registry.removeWatchedFiles({ folder: "/w", model: "a", version: "1" });
    expect(registry.listWatchedFiles("/w")).toEqual([later]);
  }));

test("a registry of the schema before knows its variants' sizes and arrivals", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "registry.sqlite");
  const old = await openRegistry({ path, migrations: MIGRATIONS.slice(0, 4) });
  await old.putVersion(
    versionOf("a", "1", [{ path: "f", content: "12345" }, { path: "g", content: "12345" }], 77),
  );
  await old.close();
  const db = new Database(path);
  for (
    const table of [
      "access",
      "usage_hours",
      "usage_follows",
      "preload_queue",
      "model_options",
      "watched_files",
    ]
  ) {
    db.run(`DROP TABLE ${table}`);
  }
  db.run("DROP INDEX blobs_lost");
  db.run("ALTER TABLE blobs DROP COLUMN modified_ms");
  db.run("PRAGMA user_version = 3");
  db.close(true);
  const registry = await openRegistry({ path });
  expect(registry.accessOf("a")).toEqual([
    { model: "a", version: "1", variant: "default", count: 0, usedAtS: 77, arrivedAtS: 77, sizeBytes: 5 },
  ]);
  await registry.close();
});
