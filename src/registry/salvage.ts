import { type Database, SQLiteError } from "bun:sqlite";
import { LarderError } from "../core/index.ts";
import { answer, Connection, openDatabase } from "./connection.ts";
import { pullReads } from "./pull-reads.ts";
import { KEPT_SQL, WISHES_SQL } from "./statements.ts";
import type { PullRow } from "./types.ts";
import { type StoredOptions, toOptions } from "./use-reads.ts";
import type { OptionsRow } from "./use-types.ts";

/** Newest first; older history is given up. */
const PULLS_KEPT_MAX = 10_000;

/** What no manifest holds and nobody can be asked for: a scan is made again. */
export interface Kept {
  readonly pulls: readonly PullRow[];
  readonly settings: ReadonlyArray<{ readonly key: string; readonly value: string }>;
  readonly options: readonly OptionsRow[];
}

const NOTHING: Kept = { pulls: [], settings: [], options: [] };

/** Pulls, settings and what users want of models, of a registry that is about to be replaced, if its pages are whole; else nothing. */
export function readKept(path: string): Kept {
  try {
    const db = new Connection(openDatabase(path, { readonly: true }), KEPT_SQL);
    try {
      if (answer(db.db, "PRAGMA quick_check(1)")[0]?.[0] !== "ok") return NOTHING;
      return {
        pulls: pullReads(db).listPulls({ limit: PULLS_KEPT_MAX }),
        settings: db.all<{ key: string; value: string }>("listSettings"),
        options: hasTable(db.db, "model_options") ? readOptions(path) : [],
      };
    } finally {
      db.close();
    }
  } catch (error) {
    // Missing, no registry at all, or rows that make no sense: the pulls are given up, the rebuild goes on.
    const isUnreadable = [LarderError, SQLiteError, SyntaxError].some((kind) => error instanceof kind);
    if (isUnreadable) return NOTHING;
    throw error;
  }
}

/** Older schemas lack some. */
function hasTable(db: Database, name: string): boolean {
  return answer(db, `SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '${name}'`).length > 0;
}

function readOptions(path: string): OptionsRow[] {
  const db = new Connection(openDatabase(path, { readonly: true }), WISHES_SQL);
  try {
    return db.all<StoredOptions>("listOptions").map(toOptions);
  } finally {
    db.close();
  }
}
