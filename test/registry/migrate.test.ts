import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { openRegistry } from "../../src/registry/index.ts";
import { migrate } from "../../src/registry/migrate.ts";
import { type Migration, MIGRATIONS, schemaVersion } from "../../src/registry/schema.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { codeOf, versionOf } from "./fixtures.ts";

const NOW = schemaVersion(MIGRATIONS);
const NEXT: readonly Migration[] = [
  ...MIGRATIONS,
  {
    version: NOW + 1,
    sql:
      "CREATE TABLE extra (id INTEGER PRIMARY KEY, note TEXT) STRICT; INSERT INTO extra VALUES (1, 'two');",
  },
  { version: NOW + 2, sql: "ALTER TABLE extra ADD COLUMN more TEXT; UPDATE extra SET note = 'three';" },
];

function bytesIn(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder).sort().map((
      name,
    ) => [name, createHash("sha256").update(readFileSync(join(folder, name))).digest("hex")]),
  );
}

test("every migration follows the one before", () => {
  expect(MIGRATIONS.map((step) => step.version)).toEqual(MIGRATIONS.map((_, index) => index + 1));
});

test("P18: an older schema is backed up, then migrated with all its rows", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "registry.sqlite");
  const old = await openRegistry({ path });
  await old.putVersion(versionOf("iris", "1.0.0"));
  await old.close();

  const registry = await openRegistry({ path, migrations: NEXT });
  expect(registry.stats().schema).toBe(NOW + 2);
  expect(registry.resolveVersion("iris", "latest")).toBe("1.0.0");
  await registry.close();

  using now = new Database(path, { readonly: true });
  expect(now.query("SELECT note FROM extra").values()).toEqual([["three"]]);
  expect(now.query("PRAGMA user_version").values()).toEqual([[NOW + 2]]);
  const backup = `${path}.backup-v${NOW}`;
  expect(statSync(backup).mode & 0o777).toBe(0o600);
  using before = new Database(backup, { readonly: true });
  expect(before.query("PRAGMA user_version").values()).toEqual([[NOW]]);
  expect(before.query("SELECT name FROM models").values()).toEqual([["iris"]]);
  expect(before.query("PRAGMA integrity_check").values()).toEqual([["ok"]]);
});

test("P18: rows that are still in the log of a killed process are in the backup and after the migration", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "registry.sqlite");
  const script = `
    import { openRegistry } from ${JSON.stringify(join(import.meta.dir, "../../src/registry/index.ts"))};
    const registry = await openRegistry({ path: ${JSON.stringify(path)} });
    await registry.putVersion(${JSON.stringify(versionOf("iris", "1.0.0"))});
    process.kill(process.pid, "SIGKILL");
  `;
  await Bun.spawn([process.execPath, "-e", script]).exited;
  expect(statSync(`${path}-wal`).size).toBeGreaterThan(0);
  const registry = await openRegistry({ path, migrations: NEXT });
  expect(registry.resolveVersion("iris", "latest")).toBe("1.0.0");
  await registry.close();
  using before = new Database(`${path}.backup-v${NOW}`, { readonly: true });
  expect(before.query("SELECT name FROM models").values()).toEqual([["iris"]]);
});

test("P18: a migration that fails leaves the older schema as it was", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "registry.sqlite");
  const old = await openRegistry({ path });
  await old.putVersion(versionOf("iris", "1.0.0"));
  await old.close();
  const broken = [...MIGRATIONS, {
    version: NOW + 1,
    sql: "DELETE FROM files; DROP TABLE sources; SELECT nonsense;",
  }];
  expect(() => migrate(path, broken)).toThrow();
  using db = new Database(path, { readonly: true });
  expect(db.query("PRAGMA user_version").values()).toEqual([[NOW]]);
  expect(db.query("SELECT count(*) FROM sources").values()).toEqual([[1]]);
  expect(db.query("SELECT count(*) FROM files").values()).toEqual([[1]]);
});

test("P18: a migration that breaks references is taken back", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "registry.sqlite");
  const old = await openRegistry({ path });
  await old.putVersion(versionOf("iris", "1.0.0"));
  await old.close();
  expect(() => migrate(path, [...MIGRATIONS, { version: NOW + 1, sql: "DELETE FROM blobs;" }])).toThrow();
  using db = new Database(path, { readonly: true });
  expect(db.query("SELECT count(*) FROM blobs").values()).toEqual([[1]]);
});

test("a new registry and one of this schema are opened without a backup", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "registry.sqlite");
  for (let n = 0; n < 2; n++) await (await openRegistry({ path })).close();
  expect(readdirSync(folder.path).sort()).toEqual(["registry.sqlite", "registry.sqlite.state"]);
});

test("P19: a newer schema is refused and not one byte changes", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "registry.sqlite");
  const newer = await openRegistry({ path, migrations: NEXT });
  await newer.putVersion(versionOf("iris", "1.0.0"));
  await newer.close();
  const before = bytesIn(folder.path);
  expect(Object.keys(before)).toEqual(["registry.sqlite", "registry.sqlite.state"]);
  expect(await codeOf(openRegistry({ path }))).toBe("SCHEMA_NEWER");
  expect(await codeOf(openRegistry({ path, readonly: true }))).toBe("SCHEMA_NEWER");
  expect(bytesIn(folder.path)).toEqual(before);
});

test("P19: a newer schema that a killed process left is refused, its log untouched", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "registry.sqlite");
  const script = `
    import { openRegistry } from ${JSON.stringify(join(import.meta.dir, "../../src/registry/index.ts"))};
    const registry = await openRegistry({ path: ${JSON.stringify(path)} });
    await registry.putVersion(${JSON.stringify(versionOf("iris", "1.0.0"))});
    const { Database } = require("bun:sqlite");
    new Database(${JSON.stringify(path)}).run("PRAGMA user_version = ${NOW + 1}");
    process.kill(process.pid, "SIGKILL");
  `;
  await Bun.spawn([process.execPath, "-e", script]).exited;
  // The number stands in the log only.
  expect(readFileSync(path).readUInt32BE(60)).toBe(NOW);
  const { "registry.sqlite-shm": _, ...before } = bytesIn(folder.path);
  expect(await codeOf(openRegistry({ path }))).toBe("SCHEMA_NEWER");
  const { "registry.sqlite-shm": __, ...after } = bytesIn(folder.path);
  expect(after).toEqual(before);
});
