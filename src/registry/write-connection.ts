import { answer, Connection, openDatabase } from "./connection.ts";
import { registryError } from "./sqlite-error.ts";
import { WRITE_SQL } from "./statements.ts";
import type { WriteConnection } from "./write-ops.ts";

/** The one connection that writes. WAL lets readers go on while it does. */
export function openWriteConnection(path: string, busyTimeoutMs: number): WriteConnection {
  const db = openDatabase(path, { readonly: false });
  try {
    db.run(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    db.run("PRAGMA journal_mode = WAL");
    db.run("PRAGMA synchronous = FULL");
    db.run("PRAGMA foreign_keys = ON");
    db.run(`PRAGMA journal_size_limit = ${WAL_BYTES_MAX}`);
    answer(db, "SELECT count(*) FROM sqlite_schema");
  } catch (error) {
    db.close(true);
    throw registryError(error, "open the registry", path);
  }
  return new Connection(db, WRITE_SQL);
}

/** What the log is cut back to after a checkpoint. */
const WAL_BYTES_MAX = 16 * 1024 * 1024;
