import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import {
  openOrRebuildRegistry,
  openRegistry,
  parseManifest,
  type RebuildReport,
  type Registry,
  toManifest,
} from "../../src/registry/index.ts";
import { migrate } from "../../src/registry/migrate.ts";
import { MIGRATIONS } from "../../src/registry/schema.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { codeOf, digestOf, gitOidOf, versionOf } from "./fixtures.ts";
import { chunksOf, fill, type Home, home, PULL, SHARED, TOKEN } from "./sample-home.ts";

function expectAll(registry: Registry, { records, blobs }: Home): void {
  for (const record of records) {
    const sizeBytes = record.files.reduce((sum, file) => sum + file.sizeBytes, 0);
    expect(registry.findVersion(record.model, record.version)).toEqual({ ...record, sizeBytes });
  }
  for (const [digest, sizeBytes] of blobs) {
    expect(registry.findBlob(digest)).toEqual({
      digest,
      sizeBytes,
      state: "intact",
      chunkDigests: chunksOf(digest, sizeBytes),
    });
  }
  expect(registry.findBlobByGitOid(gitOidOf(SHARED))?.digest).toBe(digestOf(SHARED));
  const models = new Set(records.map((record) => record.model));
  expect(registry.listModels({ limit: 1000 }).map((row) => row.model)).toEqual([...models].sort());
  expect({ ...registry.findModel("org5/model-0")?.aliases }).toEqual({
    stable: "1.40.0",
    constructor: "1.40.0",
  });
  expect(registry.listTokens()).toEqual([TOKEN]);
  expect(registry.stats()).toMatchObject({ models: models.size, versions: 60, blobs: 61 });
}

async function pagesOf(path: string): Promise<number> {
  return statSync(path).size / 4096;
}

/** Overwrites whole pages with noise, as `dd` would. */
async function spoil(path: string, firstPage: number, count: number): Promise<void> {
  await using file = await open(path, "r+");
  const noise = Buffer.alloc(count * 4096);
  for (let at = 0; at < noise.length; at++) noise[at] = (at * 131 + 89) % 251;
  await file.write(noise, 0, noise.length, firstPage * 4096);
}

function pagesOfTable(path: string, table: string): number[] {
  const db = new Database(path, { readonly: true });
  const rows = db.query("SELECT pageno FROM dbstat WHERE name = ?").values(table);
  db.close();
  return rows.map((row) => Number(row[0]));
}

test("P16: damage that shows only when the file is opened is repaired in the same start", async () => {
  await using folder = await tempFolder();
  const kept = home(folder.path);
  const first = await openOrRebuildRegistry(kept);
  await fill(first, kept);
  await first.close();
  for (const page of pagesOfTable(kept.path, "sqlite_schema").slice(1)) await spoil(kept.path, page - 1, 1);
  trustFile(kept.path);
  const reports: RebuildReport[] = [];
  const registry = await openOrRebuildRegistry({ ...kept, onRebuild: (report) => reports.push(report) });
  expectAll(registry, kept);
  expect(reports.map((report) => report.reason)).toEqual(["damaged pages"]);
  await registry.close();
});

/** Makes the note of the last stop fit the file, as if the disk had changed it unnoticed. */
function trustFile(path: string): void {
  const { dev, ino, size, mtimeNs } = lstatSync(path, { bigint: true });
  writeFileSync(
    `${path}.state`,
    JSON.stringify({ state: "closed", print: [dev, ino, size, mtimeNs].join(":") }),
  );
}

type Damage = (path: string) => unknown;
const AFTER_STOP: Record<string, { damage: Damage; reason: RebuildReport["reason"] }> = {
  "P16: pages in the middle": {
    damage: async (path) => spoil(path, Math.floor(await pagesOf(path) / 2), 4),
    reason: "damaged pages",
  },
  "P16: one page near the end": {
    damage: async (path) => spoil(path, await pagesOf(path) - 2, 1),
    reason: "damaged pages",
  },
  "P16: the second half cut off": {
    damage: async (path) => truncateSync(path, Math.floor(await pagesOf(path) / 2) * 4096),
    reason: "damaged pages",
  },
  "P17: not a database": {
    damage: (path) => writeFileSync(path, "This is no database. ".repeat(500)),
    reason: "not a database",
  },
  "P17: the first page": { damage: (path) => spoil(path, 0, 1), reason: "not a database" },
  "P17: 0 bytes": { damage: (path) => truncateSync(path, 0), reason: "empty file" },
  "P17: a database of something else": {
    damage: (path) => {
      rmSync(path);
      const db = new Database(path);
      db.run("CREATE TABLE other (id INTEGER)");
      db.close(true);
    },
    reason: "not a registry",
  },
  "P17: missing": { damage: (path) => rmSync(path), reason: "missing" },
  "P17: everything of the registry missing": {
    damage: (path) => {
      for (const suffix of ["", "-wal", "-shm", ".state"]) rmSync(path + suffix, { force: true });
    },
    reason: "missing",
  },
};

for (const [name, { damage, reason }] of Object.entries(AFTER_STOP)) {
  test(`${name}: the registry is built again from manifests and blobs`, async () => {
    await using folder = await tempFolder();
    const kept = home(folder.path);
    const before = await openOrRebuildRegistry(kept);
    await fill(before, kept);
    await before.close();
    await damage(kept.path);

    const reports: RebuildReport[] = [];
    const after = await openOrRebuildRegistry({ ...kept, onRebuild: (report) => reports.push(report) });
    expectAll(after, kept);
    await after.putVersion(versionOf("new", "1"));
    await after.close();
    expect(reports).toMatchObject([{ reason, versions: 60, blobs: 61, aliases: 2, tokens: 1, skipped: 0 }]);
    if (reason === "missing") expect(reports[0]?.movedTo).toBeUndefined();
    else expect(existsSync(reports[0]!.movedTo!)).toBe(true);
    const left = readdirSync(folder.path).filter((file) => !file.includes(".damaged-"));
    expect(left.sort()).toEqual(["registry.sqlite", "registry.sqlite.state"]);

    const again = await openOrRebuildRegistry({ ...kept, onRebuild: (report) => reports.push(report) });
    expect(again.hasModel("new")).toBe(true);
    await again.close();
    expect(reports).toHaveLength(1);
  });
}

/** Fills a registry in another process that is killed without a stop. */
async function fillAndKill(folder: string): Promise<void> {
  const from = (path: string) => JSON.stringify(join(import.meta.dir, path));
  const script = `
    import { openOrRebuildRegistry } from ${from("../../src/registry/index.ts")};
    import { fill, home } from ${from("sample-home.ts")};
    const kept = home(${JSON.stringify(folder)});
    await fill(await openOrRebuildRegistry(kept), kept);
    process.kill(process.pid, "SIGKILL");
  `;
  await Bun.spawn([process.execPath, "-e", script], { stderr: "inherit" }).exited;
}

const AFTER_KILL: Record<string, { damage: Damage; reason?: RebuildReport["reason"] }> = {
  "P17: -wal removed": { damage: (path) => rmSync(`${path}-wal`), reason: "log file missing" },
  "P17: -wal and -shm removed": {
    damage: (path) => ["-wal", "-shm"].forEach((suffix) => rmSync(path + suffix)),
    reason: "log file missing",
  },
  "P17: -shm removed": { damage: (path) => rmSync(`${path}-shm`) },
  "P17: the database removed, its log left": { damage: (path) => rmSync(path), reason: "missing" },
  "no damage at all": { damage: () => {} },
};

for (const [name, { damage, reason }] of Object.entries(AFTER_KILL)) {
  test(`${name} after a kill: everything that was answered is there`, async () => {
    await using folder = await tempFolder();
    await fillAndKill(folder.path);
    const kept = home(folder.path);
    expect(statSync(`${kept.path}-wal`).size).toBeGreaterThan(0);
    await damage(kept.path);
    const reports: RebuildReport[] = [];
    const registry = await openOrRebuildRegistry({ ...kept, onRebuild: (report) => reports.push(report) });
    expectAll(registry, kept);
    expect(reports.map((report) => report.reason)).toEqual(reason === undefined ? [] : [reason]);
    await registry.close();
  });
}

test("P16: pages damaged after a kill are found before anything is read", async () => {
  await using folder = await tempFolder();
  const kept = home(folder.path);
  const first = await openOrRebuildRegistry(kept);
  await fill(first, kept);
  await first.close();
  await fillAndKill(folder.path);
  rmSync(`${kept.path}-shm`);
  truncateSync(`${kept.path}-wal`, 0);
  await spoil(kept.path, 3, 2);
  const reports: RebuildReport[] = [];
  const registry = await openOrRebuildRegistry({ ...kept, onRebuild: (report) => reports.push(report) });
  expectAll(registry, kept);
  expect(reports.map((report) => report.reason)).toEqual(["damaged pages"]);
  await registry.close();
});

test("P16: damage met while running is IO, and the next start builds anew", async () => {
  await using folder = await tempFolder();
  const kept = home(folder.path);
  const first = await openOrRebuildRegistry(kept);
  await fill(first, kept);
  await first.close();
  for (const page of pagesOfTable(kept.path, "models")) await spoil(kept.path, page - 1, 1);
  trustFile(kept.path);
  const registry = await openOrRebuildRegistry(kept);
  expect(() => registry.listModels({ limit: 100 })).toThrow(
    expect.objectContaining({ code: "IO", details: { damaged: true } }),
  );
  expect(await codeOf(registry.putVersion(versionOf("new", "1")))).toBe("IO");
  expect(registry.findBlob(digestOf("shared by all"))?.state).toBe("intact");
  await registry.close();
  const reports: RebuildReport[] = [];
  const after = await openOrRebuildRegistry({ ...kept, onRebuild: (report) => reports.push(report) });
  expectAll(after, kept);
  expect(reports).toHaveLength(1);
  await after.close();
});

test("pulls, settings and options come along when the old file can still be read", async () => {
  await using folder = await tempFolder();
  const kept = home(folder.path);
  const first = await openOrRebuildRegistry(kept);
  await fill(first, kept);
  const wished = { model: "iris", variant: "", pinned: true, options: { threads: 2 } };
  await first.putOptions(wished);
  await first.close();
  writeFileSync(`${kept.path}.state`, '{"state":"open"}');
  const reports: RebuildReport[] = [];
  const registry = await openOrRebuildRegistry({ ...kept, onRebuild: (report) => reports.push(report) });
  expect(reports).toMatchObject([{ reason: "log file missing", pulls: 1 }]);
  expect(registry.listPinned()).toEqual([wished]);
  expect(registry.findPull("p1")).toEqual(PULL);
  expect(registry.getSetting("rate")).toBe("5");
  await registry.close();
});

test("pulls and settings come along from a schema that knew no options", async () => {
  await using folder = await tempFolder();
  const kept = home(folder.path);
  const withoutOptions = MIGRATIONS.filter(({ version }) => version < 4);
  writeFileSync(kept.path, "");
  migrate(kept.path, withoutOptions);
  const old = new Database(kept.path);
  old.run("INSERT INTO settings (key, value) VALUES ('rate', '5')");
  old.close();
  writeFileSync(`${kept.path}.state`, '{"state":"open"}');
  const registry = await openOrRebuildRegistry(kept);
  expect([registry.getSetting("rate"), registry.listPinned()]).toEqual(["5", []]);
  await registry.close();
});

test("openRegistry() alone refuses a damaged file and leaves it as it is", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "registry.sqlite");
  writeFileSync(path, "no database");
  expect(await codeOf(openRegistry({ path }))).toBe("IO");
  expect(readFileSync(path, "utf8")).toBe("no database");
});

test("S19: a link or a folder in place of the registry is refused", async () => {
  await using folder = await tempFolder();
  const kept = home(folder.path);
  const target = join(folder.path, "target");
  writeFileSync(target, "outside");
  symlinkSync(target, kept.path);
  expect(await codeOf(openOrRebuildRegistry(kept))).toBe("UNSAFE_PATH");
  rmSync(kept.path);
  mkdirSync(kept.path);
  expect(await codeOf(openOrRebuildRegistry(kept))).toBe("UNSAFE_PATH");
  expect(readFileSync(target, "utf8")).toBe("outside");
});

test("a rebuild says which blobs are missing or of another length, and keeps blobs that no version has", async () => {
  await using folder = await tempFolder();
  const kept = home(folder.path);
  const [missing, cut] = [digestOf("weights 3"), digestOf("weights 4")];
  kept.blobs.delete(missing);
  kept.blobs.set(cut, 17);
  kept.blobs.set(digestOf("orphan"), 99);
  const registry = await openOrRebuildRegistry(kept);
  expect(registry.findVersion("org3/model-3", "1.3.0")?.files).toHaveLength(2);
  expect(registry.findBlob(missing)).toEqual({
    digest: missing,
    sizeBytes: 11_000_003,
    state: "missing",
    chunkDigests: chunksOf(missing, 11_000_003),
  });
  expect(registry.findBlob(cut)).toMatchObject({ sizeBytes: 11_000_004, state: "damaged" });
  expect(registry.findBlob(digestOf("orphan"))).toEqual({
    digest: digestOf("orphan"),
    sizeBytes: 99,
    state: "intact",
  });
  await registry.close();
});

test("documents that are no manifests are passed over and counted", async () => {
  await using folder = await tempFolder();
  const kept = home(folder.path);
  const good = toManifest(versionOf("iris", "1"), [], () => undefined, 1);
  const reports: RebuildReport[] = [];
  const registry = await openOrRebuildRegistry({
    ...kept,
    source: {
      ...kept.source,
      async *manifests() {
        yield* [null, 5, {}, { ...good, schema: 2 }, { ...good, model: "../../etc" }, {
          ...good,
          files: [{}],
        }];
        yield good;
        yield { ...good, version: "2", files: [{ ...good.files[0], path: "../x" }] };
      },
    },
    onRebuild: (report) => reports.push(report),
  });
  expect(reports).toMatchObject([{ versions: 1, skipped: 7 }]);
  expect(registry.findModel("iris")?.versions.map((one) => one.version)).toEqual(["1"]);
  await registry.close();
});

test("of two manifests that claim an alias the later is right", async () => {
  await using folder = await tempFolder();
  const kept = home(folder.path);
  const registry = await openOrRebuildRegistry({
    ...kept,
    source: {
      ...kept.source,
      async *manifests() {
        yield toManifest(versionOf("iris", "1"), ["stable"], () => undefined, 10);
        yield toManifest(versionOf("iris", "2"), ["stable"], () => undefined, 30);
        yield toManifest(versionOf("iris", "3"), ["stable"], () => undefined, 20);
      },
    },
  });
  expect(registry.resolveVersion("iris", "stable")).toBe("2");
  await registry.close();
});

test("metrics and what best goes by come back with a rebuild", async () => {
  await using folder = await tempFolder();
  const kept = home(folder.path);
  const records = [
    { ...versionOf("iris", "1"), metrics: { f1: 0.9, latency_ms: 7 } },
    { ...versionOf("iris", "2"), metrics: { f1: 0.8, latency_ms: 3 } },
  ];
  const source = {
    ...kept.source,
    async *manifests() {
      for (const record of records) {
        yield JSON.parse(JSON.stringify(toManifest(record, [], () => undefined, 1)));
      }
    },
  };
  const first = await openOrRebuildRegistry({ ...kept, source });
  for (const { version, metrics } of records) {
    expect(first.findVersion("iris", version)?.metrics).toEqual(metrics);
  }
  expect(first.resolveVersion("iris", "best")).toBe("1");
  await first.setBestMetric("iris", { metric: "latency_ms", better: "lower" });
  await first.close();
  // The log is gone and the pages are whole: settings can still be read.
  writeFileSync(`${kept.path}.state`, '{"state":"open"}');
  const reports: RebuildReport[] = [];
  const second = await openOrRebuildRegistry({
    ...kept,
    source,
    onRebuild: (report) => reports.push(report),
  });
  expect(reports).toHaveLength(1);
  expect(second.findModel("iris")?.best).toEqual({ version: "2", metric: "latency_ms" });
  await second.close();
});

test("of damaged files the newest three stay", async () => {
  await using folder = await tempFolder();
  const kept = home(folder.path);
  for (let n = 0; n < 5; n++) {
    writeFileSync(kept.path, `damage ${n}`);
    const clock = { nowS: () => 1_700_000_000 + n, monotonicMs: () => 0, sleep: async () => {} };
    await (await openOrRebuildRegistry({ ...kept, clock })).close();
  }
  const contents = readdirSync(folder.path)
    .filter((name) => name.startsWith("registry.sqlite.damaged-")).sort()
    .map((name) => readFileSync(join(folder.path, name), "utf8"));
  expect(contents).toEqual(["damage 2", "damage 3", "damage 4"]);
});

test("a manifest comes back through JSON as it went", () => {
  const record = versionOf("acme/tiny", "1.0.0", [{ path: "w", content: "w", sizeBytes: 6_000_000 }], 12.5);
  const chunks = chunksOf(digestOf("w"), 6_000_000);
  const parsed = parseManifest(JSON.parse(JSON.stringify(toManifest(record, ["main"], () => chunks, 13))));
  expect(parsed).toEqual({
    record,
    aliases: ["main"],
    writtenAtS: 13,
    chunkDigests: new Map([[digestOf("w"), chunks]]),
  });
});

test("a manifest keeps Git's names; one without them, or with fields of a later release, is read", () => {
  const spec = { path: "w", content: "w" };
  const [without, named] = [undefined, gitOidOf("w")].map((gitOid) =>
    toManifest(
      versionOf("iris", "1", [gitOid === undefined ? spec : { ...spec, gitOid }]),
      [],
      () => undefined,
      1,
    )
  );
  expect(without!.files[0]).not.toHaveProperty("git_oid");
  expect(parseManifest(without).record).toEqual(versionOf("iris", "1", [spec]));
  expect(named!.files[0]?.git_oid).toBe(gitOidOf("w"));
  expect(named!.schema).toBe(1);
  const later = { ...named, license: "MIT", files: [{ ...named!.files[0], mode: 0o644 }] };
  expect(parseManifest(later).record).toEqual(versionOf("iris", "1", [{ ...spec, gitOid: gitOidOf("w") }]));
});

test("a manifest without metrics says nothing of them; one with a wrong metric is refused", () => {
  const good = toManifest({ ...versionOf("iris", "1"), metrics: { f1: 0.5 } }, [], () => undefined, 1);
  expect(good.metrics).toEqual({ f1: 0.5 });
  expect(toManifest(versionOf("iris", "1"), [], () => undefined, 1)).not.toHaveProperty("metrics");
  for (const metrics of [[], "f1", { f1: "0.5" }, { f1: null }, { "1f": 1 }, { "": 1 }, { "a b": 1 }]) {
    expect(() => parseManifest({ ...good, metrics })).toThrow(
      expect.objectContaining({ code: "CORRUPT_SOURCE" }),
    );
  }
});

test("a manifest with a wrong name of Git is refused", () => {
  const good = toManifest(versionOf("iris", "1"), [], () => undefined, 1);
  for (
    const oid of ["", "abc", gitOidOf("w").toUpperCase(), `${gitOidOf("w")}0`, `${gitOidOf("w")}\n`, 5, null]
  ) {
    const wrong = { ...good, files: [{ ...good.files[0], git_oid: oid }] };
    expect(() => parseManifest(wrong)).toThrow(expect.objectContaining({ code: "CORRUPT_SOURCE" }));
  }
});

test("a manifest whose chunk table has the wrong length is read without it", () => {
  const record = versionOf("acme/tiny", "1.0.0", [{ path: "w", content: "w", sizeBytes: 6_000_000 }]);
  const parsed = parseManifest(toManifest(record, [], () => new Uint8Array(32), 1));
  expect(parsed.chunkDigests.size).toBe(0);
});
