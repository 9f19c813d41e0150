import { SQLiteError } from "bun:sqlite";
import { LarderError } from "../core/index.ts";
import { answer, Connection, openDatabase } from "./connection.ts";
import { pullReads } from "./pull-reads.ts";
import { KEPT_SQL } from "./statements.ts";
import type { PullRow } from "./types.ts";

/** Newest first; older history is given up. */
const PULLS_KEPT_MAX = 10_000;

/** What no manifest holds and nobody can be asked for: a scan is made again. */
export interface Kept {
  readonly pulls: readonly PullRow[];
  readonly settings: ReadonlyArray<{ readonly key: string; readonly value: string }>;
}

const NOTHING: Kept = { pulls: [], settings: [] };

/** Pulls and settings of a registry that is about to be replaced, if its pages are whole; else nothing. */
export function readKept(path: string): Kept {
  try {
    const db = new Connection(openDatabase(path, { readonly: true }), KEPT_SQL);
    try {
      if (answer(db.db, "PRAGMA quick_check(1)")[0]?.[0] !== "ok") return NOTHING;
      return {
        pulls: pullReads(db).listPulls({ limit: PULLS_KEPT_MAX }),
        settings: db.all<{ key: string; value: string }>("listSettings"),
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
