import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { openRegistry, type Registry } from "../../src/registry/index.ts";
import { READ_SQL, WRITE_SQL } from "../../src/registry/statements.ts";
import { type TempFolder, tempFolder } from "../helpers/temp-folder.ts";

const MODELS = 100_000;

/** Statements that go through a whole table or index on purpose. */
const MAY_SCAN: Readonly<Record<string, string>> = {
  aliveDigests: "asks for every digest that is in use; walks an index",
  orphanDigests: "asks for every digest that is not in use; walks an index",
  lostBlobs: "asks for what is damaged or missing; walks an index of nothing else",
  countLost: "counts what is damaged or missing; walks an index of nothing else",
  listTokens: "asks for all tokens",
  listSettings: "asks for all settings",
  listPreload: "asks for the whole queue, which is short",
  usageHours: "asks for all that is known of use",
  usageFollows: "asks for the most frequent of all pairs",
};

/** Two versions of every tenth model, one of the others, each with two files; every fifth file is one that all share. */
const SEED = `
  WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${MODELS - 1})
  INSERT INTO models SELECT i + 1, printf('org%03d/model-%06d', i % 500, i), i, i, 1 + (i % 10 = 0), '1.0.0', 30, '1.0.0', 'f1' FROM n;
  INSERT INTO versions SELECT id, id, '1.0.0', id, 30, 2 FROM models;
  INSERT INTO versions SELECT ${MODELS} + id, id, '2.0.0', id, 30, 2 FROM models WHERE id % 10 = 1;
  INSERT INTO blobs SELECT id, printf('%064x', id), 10, 'intact', NULL, zeroblob(32), NULL FROM models;
  INSERT INTO files SELECT id, id, 'a.bin', id, printf('%040x', id) FROM versions WHERE id <= ${MODELS};
  INSERT INTO files SELECT ${MODELS} + id, id, 'b.bin', CASE id % 5 WHEN 0 THEN 1 ELSE id END, NULL FROM versions WHERE id <= ${MODELS};
  INSERT INTO git_oids SELECT printf('%040x', id), id FROM blobs;
  INSERT INTO sources SELECT id, 0, 'url', 'https://example.org/' || id, NULL FROM files;
  INSERT INTO variants SELECT id, id, 'default', 'downloaded' FROM versions;
  INSERT INTO variant_files SELECT version_id, id FROM files;
  INSERT INTO aliases SELECT id, 'stable', id FROM models WHERE id % 3 = 0;
  INSERT INTO pulls SELECT 'p' || id, name, '1.0.0', 'default', 'done', id, id, id, NULL, NULL FROM models WHERE id % 20 = 0;
  INSERT INTO scans SELECT name, '1.0.0', id, '{"files":[]}' FROM models;
  INSERT INTO variant_notes SELECT name, '1.0.0', 'q4', 5, '{"code":"DNS"}', id FROM models;
  INSERT INTO version_metrics SELECT id, 'f1', 1.0 / id FROM versions;
  INSERT INTO settings SELECT 'best_metric/' || name, '{}' FROM models WHERE id % 7 = 0;
  INSERT INTO access SELECT name, '1.0.0', 'default', id % 9, id, id, NULL, 0, id % 1000 FROM models;
  INSERT INTO usage_hours SELECT name, 'default', id % 168, 1 FROM models WHERE id % 100 = 0;
  INSERT INTO model_options SELECT name, '', id % 1000 = 0, '{}' FROM models WHERE id % 10 = 0;
  INSERT INTO watched_files SELECT '/w', name, '1.0.0', 'a.onnx', 1, 1, 1 FROM models WHERE id % 10 = 0;
  INSERT INTO tokens VALUES ('t', 't', printf('%064x', 1), '[]', 1, NULL);
`;

describe("with 100,000 models", () => {
  let folder: TempFolder;
  let registry: Registry;
  let path: string;

  beforeAll(async () => {
    folder = await tempFolder();
    path = join(folder.path, "registry.sqlite");
    await (await openRegistry({ path })).close();
    const db = new Database(path);
    db.run("PRAGMA synchronous = OFF");
    db.run("BEGIN");
    db.run(SEED);
    db.run("COMMIT");
    db.close(true);
    registry = await openRegistry({ path });
  }, 60_000);

  afterAll(async () => {
    await registry.close();
    await folder[Symbol.asyncDispose]();
  });

  for (const [name, sql] of [...Object.entries(READ_SQL), ...Object.entries(WRITE_SQL)]) {
    const allowed = MAY_SCAN[name];
    test(`${name} ${allowed ? `may walk a table: ${allowed}` : "finds its rows by an index"}`, () => {
      using db = new Database(path, { readonly: true });
      const scans = planOf(db, sql).filter((step) => step.startsWith("SCAN"));
      if (!allowed) expect(scans).toEqual([]);
      else expect(scans.length).toBeGreaterThan(0);
    });
  }

  test("a walk over all digests reads no rows that it does not need", () => {
    using db = new Database(path, { readonly: true });
    expect(planOf(db, READ_SQL.aliveDigests).filter((step) => step.startsWith("SCAN"))[0]).toContain(
      "COVERING INDEX",
    );
  });

  test("neither old scans nor notes are sorted", () => {
    using db = new Database(path, { readonly: true });
    for (const sql of [READ_SQL.variantNotes, WRITE_SQL.oldScans]) {
      expect(planOf(db, sql).join("\n")).not.toContain("TEMP B-TREE");
    }
  });

  test("listing in pages gives every model once, in order", () => {
    const models: string[] = [];
    let page = registry.listModels({ limit: 5000 });
    while (page.length > 0) {
      models.push(...page.map((row) => row.model));
      page = registry.listModels({ limit: 5000, after: page.at(-1)!.model });
    }
    expect(models.length).toBe(MODELS);
    expect(new Set(models).size).toBe(MODELS);
    expect(models).toEqual(models.toSorted());
    expect(registry.stats().models).toBe(MODELS);
  });

  test("search, counts and look-ups are right", () => {
    expect(registry.listModels({ q: "ORG007/", limit: 1_000_000 }).length).toBe(200);
    expect(registry.listModels({ q: "org007/", limit: 1000 })).toHaveLength(200);
    expect(registry.listModels({ q: "model-09999", limit: 100 }).map((row) => row.model)).toHaveLength(10);
    expect(registry.listModels({ q: "nowhere", limit: 1_000_000 }).length).toBe(0);
    expect(registry.resolveVersion("org499/model-099999", "latest")).toBe("1.0.0");
    expect(registry.resolveVersion("org499/model-099999", "best")).toBe("1.0.0");
    expect(registry.findVersion("org499/model-099999", "1.0.0")?.metrics).toEqual({ f1: 1 / MODELS });
    expect(registry.findFile("org499/model-099999", "1.0.0", "a.bin")).toEqual({
      path: "a.bin",
      digest: (100_000).toString(16).padStart(64, "0") as never,
      sizeBytes: 10,
      state: "intact",
      modifiedMs: null,
    });
    expect(registry.findBlobByGitOid((77_777).toString(16).padStart(40, "0"))?.digest).toBe(
      (77_777).toString(16).padStart(64, "0") as never,
    );
    expect(registry.findScan("org499/model-099999", "1.0.0")?.document).toEqual({ files: [] });
    expect(registry.variantNotes("org499/model-099999", "1.0.0").map((note) => note.variant)).toEqual(["q4"]);
    expect(registry.stats()).toEqual({
      schema: 4,
      models: 100_000,
      versions: 110_000,
      blobs: 100_000,
      blobBytes: 1_000_000,
    });
    expect(registry.aliveDigests().size).toBe(100_000);
    expect(registry.listPulls({ limit: 3 }).map((pull) => pull.id)).toEqual(["p100000", "p99980", "p99960"]);
  });

  test("a file that 20,000 versions share is described in bounded time and space", () => {
    const shared = (1).toString(16).padStart(64, "0") as never;
    expect(registry.namesOf(shared, 10)).toHaveLength(10);
    expect(registry.sourcesOf(shared).length).toBeLessThanOrEqual(1000);
    expect(registry.isReferenced(shared)).toBe(true);
  });
});

function planOf(db: Database, sql: string): string[] {
  return db.prepare<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${sql}`).all().map((row) => row.detail);
}
