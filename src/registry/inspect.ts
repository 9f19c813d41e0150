import { closeSync, constants, openSync, readSync } from "node:fs";
import { LarderError } from "../core/index.ts";
import { answer, openDatabase } from "./connection.ts";
import { statRegular } from "./durable-file.ts";
import { userVersion } from "./migrate.ts";
import { isDamage, registryError } from "./sqlite-error.ts";
import { fingerprint, readState } from "./state-file.ts";

export type DamageReason =
  | "empty file"
  | "not a database"
  | "not a registry"
  | "log file missing"
  | "damaged pages";

export type Condition =
  | { readonly kind: "absent" }
  | { readonly kind: "sound"; readonly schema: number }
  | { readonly kind: "damaged"; readonly reason: DamageReason };

/**
 * Looks at a registry that nobody has open, without changing it. How closely depends on how it was left: after an orderly
 * stop with the file untouched since, its header is enough (100,000 models open at once); after a kill every page is
 * checked; when somebody wrote to it meanwhile, its indexes too.
 *
 * @param schema The newest schema that this release knows.
 * @param depth `header` leaves pages unread, for a disk on which SQLite cannot make the files it needs for that.
 * @throws {LarderError} SCHEMA_NEWER, UNSAFE_PATH
 */
export function inspectRegistry(
  path: string,
  schema: number,
  depth: "header" | "content" = "content",
): Condition {
  const entry = statRegular(path);
  if (entry === undefined) return { kind: "absent" };
  if (entry.size === 0n) return damaged("empty file");
  const header = readHeader(path);
  if (!header.isDatabase) return damaged("not a database");
  refuseNewer(header.schema, schema);

  if (depth === "header") return soundIf(header.schema);
  const left = readState(path);
  const log = statRegular(`${path}-wal`);
  if (left?.state === "damaged") return damaged("damaged pages");
  if (left?.state === "open" && log === undefined) return damaged("log file missing");
  const untouched = left?.state === "closed" && left.print === fingerprint(path) && !log?.size;
  if (untouched) return soundIf(header.schema);
  return checkContent(path, schema, left?.state === "open" ? "quick_check" : "integrity_check");
}

function soundIf(schema: number): Condition {
  return schema > 0 ? { kind: "sound", schema } : damaged("not a registry");
}

function damaged(reason: DamageReason): Condition {
  return { kind: "damaged", reason };
}

const HEADER_BYTES = 100;
const MAGIC = "SQLite format 3\0";
/** Where the header keeps `user_version`. @see https://www.sqlite.org/fileformat2.html §1.3 */
const USER_VERSION_AT = 60;

/** Read without SQLite, which would make files beside a database that this release must not touch. */
function readHeader(path: string): { isDatabase: boolean; schema: number } {
  const header = Buffer.alloc(HEADER_BYTES);
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const length = readSync(fd, header, 0, HEADER_BYTES, 0);
    const isDatabase = length === HEADER_BYTES && header.toString("latin1", 0, MAGIC.length) === MAGIC;
    return { isDatabase, schema: header.readUInt32BE(USER_VERSION_AT) };
  } finally {
    closeSync(fd);
  }
}

function refuseNewer(found: number, known: number): void {
  if (found <= known) return;
  throw new LarderError(
    "SCHEMA_NEWER",
    `Cannot open the registry: its schema is ${found}, this release knows ${known}`,
    {
      hint: "Use the newer release of larder, or restore the backup that it made beside the registry.",
      details: { found, known },
    },
  );
}

function checkContent(path: string, schema: number, check: "quick_check" | "integrity_check"): Condition {
  const db = openDatabase(path, { readonly: true });
  try {
    const found = userVersion(db);
    refuseNewer(found, schema);
    return answer(db, `PRAGMA ${check}(1)`)[0]?.[0] === "ok" ? soundIf(found) : damaged("damaged pages");
  } catch (error) {
    const failure = registryError(error, "check the registry", path);
    if (isDamage(failure)) return damaged("damaged pages");
    throw failure;
  } finally {
    db.close(true);
  }
}
