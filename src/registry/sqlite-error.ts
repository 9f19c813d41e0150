import { SQLiteError } from "bun:sqlite";
import { chmodSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { isLarderError, LarderError, systemCode } from "../core/index.ts";

const REBUILD_HINT =
  "Restart larder: it moves the damaged registry aside and builds it again from blobs and manifests.";

/**
 * What SQLite reports, as an error for the caller. Broken constraints and wrong SQL are bugs and come back as they are.
 *
 * @param action What could not be done, after "Cannot".
 * @param path The database file: tells a file system that became read-only from a broken one.
 */
export function registryError(error: unknown, action: string, path: string): unknown {
  const code = sqliteCode(error);
  if (code === undefined) return error;
  const fail = (
    larderCode: "BUSY" | "NO_SPACE" | "READONLY" | "IO" | "STORE_GONE",
    hint: string,
    more = {},
  ) => new LarderError(larderCode, `Cannot ${action}: ${code}`, { hint, cause: error, ...more });

  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) {
    return fail("BUSY", "Another program is writing to the registry; try again.", { retryable: true });
  }
  if (code === "SQLITE_FULL" || code === "SQLITE_IOERR_SHMSIZE") {
    return fail("NO_SPACE", "Free space on the disk of the home (larder gc, larder remove), then try again.");
  }
  if (code === "SQLITE_READONLY_DBMOVED") return goneError(action);
  if (code.startsWith("SQLITE_READONLY") || (isDiskTrouble(code) && isReadonlyDisk(path))) {
    return fail("READONLY", "Make the disk of the home writable; what is stored can still be read.");
  }
  if (isDamageCode(code)) return damageError(action, code);
  if (isDiskTrouble(code)) return fail("IO", "Check the disk of the home: reading or writing failed.");
  return error;
}

export function damageError(action: string, reason: string): LarderError {
  return new LarderError("IO", `Cannot ${action}: ${reason}`, {
    hint: REBUILD_HINT,
    details: { damaged: true },
  });
}

export function goneError(action: string): LarderError {
  return new LarderError("STORE_GONE", `Cannot ${action}: the registry's files were removed or replaced`, {
    hint: "Restart larder; what is left of the home is taken up again.",
  });
}

/** True when the content of the database is broken: only a rebuild helps. */
export function isDamage(error: unknown): boolean {
  if (isLarderError(error, "IO")) return error.details?.["damaged"] === true;
  const code = sqliteCode(error);
  return code !== undefined && isDamageCode(code);
}

function isDamageCode(code: string): boolean {
  return code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB";
}

function isDiskTrouble(code: string): boolean {
  return code.startsWith("SQLITE_IOERR") || code.startsWith("SQLITE_CANTOPEN");
}

function sqliteCode(error: unknown): string | undefined {
  return error instanceof SQLiteError ? error.code : undefined;
}

/** Tries a change that changes nothing: ext4 that shut itself down after an error refuses writes, yet says they are permitted. */
function isReadonlyDisk(path: string): boolean {
  const folder = dirname(path);
  try {
    chmodSync(folder, statSync(folder).mode);
    return false;
  } catch (error) {
    return systemCode(error) === "EROFS";
  }
}
