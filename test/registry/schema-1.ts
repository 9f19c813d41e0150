import { Database } from "bun:sqlite";
import { MIGRATIONS } from "../../src/registry/index.ts";

/** Writes a registry as the first release left it after an orderly stop, with rows of the test's own. */
export function writeSchema1(path: string, rows: string): void {
  const db = new Database(path, { create: true });
  db.run("PRAGMA journal_mode = WAL");
  db.run("BEGIN");
  db.run(MIGRATIONS[0]!.sql);
  db.run(rows);
  db.run("PRAGMA user_version = 1");
  db.run("COMMIT");
  db.close(true);
}
