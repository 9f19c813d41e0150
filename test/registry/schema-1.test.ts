import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Digest, packDigests } from "../../src/core/index.ts";
import {
  inspectRegistry,
  MIGRATIONS,
  openOrRebuildRegistry,
  openRegistry,
  type RebuildReport,
} from "../../src/registry/index.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { codeOf, digestOf, gitOidOf, versionOf } from "./fixtures.ts";
import { writeSchema1 } from "./schema-1.ts";

const CONFIG = digestOf("config");
const WEIGHTS = digestOf("weights");
const ROWS = `
  INSERT INTO models VALUES (7, 'acme/tiny', 1700000000.25, 1700000005, 2, '1.1.0', 6000013);
  INSERT INTO versions VALUES
    (3, 7, '1.0.0', 1700000000.25, 6, 1), (9, 7, '1.1.0', 1700000001, 6000007, 2);
  INSERT INTO blobs VALUES
    (2, '${CONFIG}', 6, 'intact', 1700000003.5, NULL),
    (5, '${WEIGHTS}', 6000001, 'damaged', NULL, x'${digestOf("chunk 0")}${digestOf("chunk 1")}'),
    (6, '${digestOf("orphan")}', 99, 'missing', NULL, NULL);
  INSERT INTO files VALUES
    (4, 3, 'config.json', 2), (8, 9, 'a/config.json', 2), (11, 9, 'weights.gguf', 5);
  INSERT INTO sources VALUES
    (8, 0, 'path', '/models/config.json', NULL), (11, 0, 'url', 'https://one.example/w.gz', 'gzip'),
    (11, 1, 'url', 'https://two.example/w', NULL);
  INSERT INTO variants VALUES (1, 3, 'default', 'downloaded'), (6, 9, 'Q4_K_M', 'downloaded');
  INSERT INTO variant_files VALUES (1, 4), (6, 8), (6, 11);
  INSERT INTO aliases VALUES (7, 'stable', 3);
  INSERT INTO pulls VALUES
    ('p1', 'acme/tiny', NULL, 'Q4_K_M', 'paused', 10, 11, NULL, '{"model":"acme/tiny"}', NULL),
    ('p2', 'acme/tiny', '1.1.0', 'Q4_K_M', 'failed', 20, 21, 22, NULL,
      '{"code":"DNS","message":"Cannot find host","retryable":true}');
  INSERT INTO pull_files VALUES ('p1', 0, 'f', '["https://one.example/f"]', 9, NULL, 5, 'paused');
  INSERT INTO tokens VALUES ('t1', 'ci', '${digestOf("secret")}', '["read"]', 5, 500);
  INSERT INTO settings VALUES ('rate', '1048576');
`;

/** Every row of every table of the first schema, in the columns of the first schema. */
function contentOf(path: string): Record<string, unknown[][]> {
  using first = new Database(":memory:");
  first.run(MIGRATIONS[0]!.sql);
  const tables = first.query("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").values();
  using db = new Database(path, { readonly: true });
  return Object.fromEntries(tables.map(([table]) => {
    const columns = first.query(`SELECT name FROM pragma_table_info('${table}')`).values().join(", ");
    return [table, db.query(`SELECT ${columns} FROM ${table} ORDER BY 1, 2`).values()];
  }));
}

function bytesIn(folder: string): Record<string, string> {
  const digest = (name: string) =>
    createHash("sha256").update(readFileSync(join(folder, name))).digest("hex");
  return Object.fromEntries(readdirSync(folder).sort().map((name) => [name, digest(name)]));
}

async function withSchema1(work: (path: string, folder: string) => Promise<unknown>): Promise<void> {
  await using folder = await tempFolder();
  const path = join(folder.path, "registry.sqlite");
  writeSchema1(path, ROWS);
  await work(path, folder.path);
}

test("P18: a registry of the first release keeps every row and leaves a backup that its release takes", () =>
  withSchema1(async (path, folder) => {
    const before = contentOf(path);
    expect(before["files"]).toHaveLength(3);
    expect(before["totals"]).toEqual([[1, 1, 2, 3, 6000007]]);
    await (await openRegistry({ path })).close();
    expect(readdirSync(folder).sort()).toEqual([
      "registry.sqlite",
      "registry.sqlite.backup-v1",
      "registry.sqlite.state",
    ]);
    expect(contentOf(path)).toEqual(before);
    expect(contentOf(`${path}.backup-v1`)).toEqual(before);
    expect(inspectRegistry(`${path}.backup-v1`, 1)).toEqual({ kind: "sound", schema: 1 });
    using db = new Database(path, { readonly: true });
    expect(db.query("PRAGMA user_version").values()).toEqual([[4]]);
    expect(db.query("PRAGMA integrity_check").values()).toEqual([["ok"]]);
    expect(db.query("PRAGMA foreign_key_check").values()).toEqual([]);
  }));

test("P18: what was in a registry of the first release is read and goes on", () =>
  withSchema1(async (path) => {
    const registry = await openRegistry({ path });
    expect(registry.stats()).toEqual({ schema: 4, models: 1, versions: 2, blobs: 3, blobBytes: 6_000_007 });
    const version = {
      model: "acme/tiny",
      version: "1.1.0",
      createdAtS: 1700000001,
      sizeBytes: 6_000_007,
      files: [
        {
          path: "a/config.json",
          digest: CONFIG,
          sizeBytes: 6,
          sources: [{ kind: "path" as const, location: "/models/config.json" }],
        },
        {
          path: "weights.gguf",
          digest: WEIGHTS,
          sizeBytes: 6_000_001,
          sources: [
            { kind: "url" as const, location: "https://one.example/w.gz", encoding: "gzip" as const },
            { kind: "url" as const, location: "https://two.example/w" },
          ],
        },
      ],
      variants: [{ name: "Q4_K_M", status: "downloaded" as const, paths: ["a/config.json", "weights.gguf"] }],
    };
    expect(registry.resolveVersion("acme/tiny", "latest")).toBe("1.1.0");
    expect(registry.resolveVersion("acme/tiny", "stable")).toBe("1.0.0");
    expect(registry.findVersion("acme/tiny", "1.1.0")).toEqual(version);
    expect(registry.findBlob(WEIGHTS)).toEqual({
      digest: WEIGHTS,
      sizeBytes: 6_000_001,
      state: "damaged",
      chunkDigests: packDigests([digestOf("chunk 0"), digestOf("chunk 1")] as Digest[]),
    });
    expect(registry.listPulls({ limit: 9 }).map(({ id, state }) => [id, state])).toEqual([
      ["p2", "failed"],
      ["p1", "paused"],
    ]);
    expect(registry.findTokenByDigest(digestOf("secret"))?.scopes).toEqual(["read"]);
    expect(registry.getSetting("rate")).toBe("1048576");
    expect(registry.findBlobByGitOid(gitOidOf("config"))).toBeUndefined();
    expect(registry.findScan("acme/tiny", "1.1.0")).toBeUndefined();
    expect(registry.variantNotes("acme/tiny", "1.1.0")).toEqual([]);
    expect(registry.resolveVersion("acme/tiny", "best")).toBeUndefined();

    const [config, weights] = version.files;
    const named = {
      ...version,
      files: [{ ...config!, gitOid: gitOidOf("config") }, weights!],
      metrics: { f1: 0.5 },
    };
    await registry.putVersion(named);
    expect(registry.findVersion("acme/tiny", "1.1.0")).toEqual(named);
    expect(registry.findBlobByGitOid(gitOidOf("config"))?.digest).toBe(CONFIG);
    expect(registry.resolveVersion("acme/tiny", "best")).toBe("1.1.0");
    await registry.close();
  }));

test("P19: the first release refuses a registry of this one and changes not one byte", () =>
  withSchema1(async (path, folder) => {
    const registry = await openRegistry({ path });
    await registry.putVersion(versionOf("iris", "1.0.0"));
    await registry.close();
    const before = bytesIn(folder);
    const first = MIGRATIONS.slice(0, 1);
    expect(await codeOf(openRegistry({ path, migrations: first }))).toBe("SCHEMA_NEWER");
    expect(await codeOf(openRegistry({ path, migrations: first, readonly: true }))).toBe("SCHEMA_NEWER");
    expect(bytesIn(folder)).toEqual(before);
  }));

test("P17: pulls and settings of the first release come along when its log is gone", () =>
  withSchema1(async (path) => {
    writeFileSync(`${path}.state`, '{"state":"open"}');
    const reports: RebuildReport[] = [];
    const registry = await openOrRebuildRegistry({
      path,
      source: {
        async *manifests() {},
        async *blobs() {},
        tokens: async () => [],
      },
      onRebuild: (report) => reports.push(report),
    });
    expect(reports).toMatchObject([{ reason: "log file missing", pulls: 2 }]);
    expect(registry.findPull("p1")).toEqual({
      id: "p1",
      model: "acme/tiny",
      variant: "Q4_K_M",
      state: "paused",
      createdAtS: 10,
      updatedAtS: 11,
      request: { model: "acme/tiny" },
      files: [{ path: "f", urls: ["https://one.example/f"], sizeBytes: 9, bytesDone: 5, state: "paused" }],
    });
    expect(registry.getSetting("rate")).toBe("1048576");
    await registry.close();
  }));

test("a registry of the first release on a disk that cannot be written is refused, not changed", () =>
  withSchema1(async (path, folder) => {
    const before = bytesIn(folder);
    expect(await codeOf(openRegistry({ path, readonly: true }))).toBe("READONLY");
    expect(bytesIn(folder)).toEqual(before);
  }));
