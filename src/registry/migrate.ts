import type { Database } from "bun:sqlite";
import { renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { answer, openDatabase } from "./connection.ts";
import { createPrivate, syncPath } from "./durable-file.ts";
import { type Migration, schemaVersion } from "./schema.ts";
import { registryError } from "./sqlite-error.ts";

const BUSY_MS = 5000;

/**
 * Brings a database to the newest schema, each step in one transaction. An existing one is copied first, to
 * `<path>.backup-v<its schema>`. A file of 0 bytes is schema 0.
 *
 * @returns The path of the backup, when one was made.
 */
export function migrate(path: string, migrations: readonly Migration[]): string | undefined {
  const db = openDatabase(path, { readonly: false });
  try {
    db.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
    const from = userVersion(db);
    if (from >= schemaVersion(migrations)) return undefined;
    db.run("PRAGMA synchronous = FULL");
    // Referenced tables may be rebuilt by a step; what it leaves is checked before the commit.
    db.run("PRAGMA foreign_keys = OFF");
    const backup = from === 0 ? undefined : backUp(db, path, from);
    for (const step of migrations) if (step.version > from) apply(db, step);
    return backup;
  } catch (error) {
    throw registryError(error, "bring the registry to the schema of this release", path);
  } finally {
    db.close(true);
  }
}

export function userVersion(db: Database): number {
  return Number(answer(db, "PRAGMA user_version")[0]?.[0] ?? 0);
}

function backUp(db: Database, path: string, version: number): string {
  const backup = `${path}.backup-v${version}`;
  const temporary = `${backup}.tmp`;
  rmSync(temporary, { force: true });
  createPrivate(temporary);
  db.run("VACUUM INTO ?", [temporary]);
  syncPath(temporary);
  renameSync(temporary, backup);
  syncPath(dirname(path));
  return backup;
}

function apply(db: Database, step: Migration): void {
  db.run("BEGIN EXCLUSIVE");
  try {
    db.run(step.sql);
    db.run(`PRAGMA user_version = ${step.version}`);
    const broken = answer(db, "PRAGMA foreign_key_check");
    if (broken.length > 0) {
      throw new Error(`Migration ${step.version} leaves ${broken.length} broken references`);
    }
    db.run("COMMIT");
  } catch (error) {
    if (db.inTransaction) db.run("ROLLBACK");
    throw error;
  }
}
