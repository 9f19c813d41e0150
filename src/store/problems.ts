import { accessSync, chmodSync, constants, statSync } from "node:fs";
import { LarderError } from "../core/index.ts";
import { diskError, type Home, isGone, storeGone } from "./disk-error.ts";
import type { StoreProblem } from "./types.ts";

/** What keeps a store from writing durably, found without leaving a trace. */
export function findProblems(home: Home, folder: string, canFlush: boolean): StoreProblem[] {
  if (isGone(home)) return [{ part: "store", reason: storeGone(home).message }];
  const problems: StoreProblem[] = [];
  const refusal = findRefusal(home, folder);
  if (refusal !== undefined) problems.push({ part: "disk", reason: refusal });
  if (!canFlush) {
    problems.push({ part: "durability", reason: "The file system cannot flush what is written." });
  }
  return problems;
}

function findRefusal(home: Home, folder: string): string | undefined {
  try {
    accessSync(folder, constants.W_OK);
    // Changes nothing: ext4 that shut itself down after an error refuses writes, yet says they are permitted.
    chmodSync(folder, statSync(folder).mode);
    return undefined;
  } catch (error) {
    const known = diskError("write", error, home);
    if (known instanceof LarderError) return known.message;
    throw known;
  }
}
