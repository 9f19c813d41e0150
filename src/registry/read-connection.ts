import { constants, Database } from "bun:sqlite";
import { pathToFileURL } from "node:url";
import { Connection, openDatabase } from "./connection.ts";
import { READ_SQL } from "./statements.ts";

export type ReadConnection = Connection<typeof READ_SQL>;

/** A connection that cannot write. `watch` is shown every failure. */
export function openReadConnection(path: string, watch?: { look(error: unknown): void }): ReadConnection {
  return new Connection(openDatabase(path, { readonly: true }), READ_SQL, watch);
}

/** Reads a database that nobody can change and that has no log: without locks and without files beside it. */
export function openImmutable(path: string): ReadConnection {
  const address = pathToFileURL(path);
  address.search = "immutable=1";
  const db = new Database(address.href, constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI);
  db.run("PRAGMA temp_store = MEMORY");
  return new Connection(db, READ_SQL);
}
