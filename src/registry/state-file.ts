import { readFileSync, rmSync } from "node:fs";
import { z } from "zod";
import { systemCode } from "../core/index.ts";
import { statRegular, writeDurably } from "./durable-file.ts";

const State = z.discriminatedUnion("state", [
  /** In use, or its owner was killed. */
  z.object({ state: z.literal("open") }),
  /** Closed; `print` is how the file looked then. */
  z.object({ state: z.literal("closed"), print: z.string() }),
  /** SQLite reported damage. */
  z.object({ state: z.literal("damaged") }),
]);
type State = z.infer<typeof State>;

/**
 * What the last owner left: `<path>.state`, beside the database. It tells an orderly stop from a kill, so that a start after
 * the former need not read the whole file, and tells that a log file is missing that had to be there.
 */
export function readState(path: string): State | undefined {
  try {
    return State.safeParse(JSON.parse(readFileSync(`${path}.state`, "utf8"))).data;
  } catch (error) {
    // An unreadable note is no note: the file is then checked in full.
    if (error instanceof SyntaxError || systemCode(error) !== undefined) return undefined;
    throw error;
  }
}

export function markOpen(path: string): void {
  write(path, { state: "open" });
}

export function markDamaged(path: string): void {
  write(path, { state: "damaged" });
}

/** Call after the last connection has closed. Says nothing of a file that is gone. */
export function markClosed(path: string): void {
  const print = fingerprint(path);
  if (print !== undefined) write(path, { state: "closed", print });
}

/** Never fails: a note that cannot be removed says of itself that the file has changed. */
export function forgetState(path: string): void {
  for (const name of [`${path}.state`, `${path}.state.tmp`]) {
    try {
      rmSync(name, { force: true });
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
    }
  }
}

/** Changes whenever anybody writes to or replaces the file. */
export function fingerprint(path: string): string | undefined {
  const entry = statRegular(path);
  return entry && [entry.dev, entry.ino, entry.size, entry.mtimeNs].join(":");
}

/** A disk that takes no note (full, read-only, gone) leaves none: the next start then checks the file in full. */
function write(path: string, state: State): void {
  try {
    writeDurably(`${path}.state`, JSON.stringify(state));
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    forgetState(path);
  }
}
