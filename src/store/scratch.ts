import { readdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../core/index.ts";
import type { InUse } from "./in-use.ts";
import { findEntry } from "./disk-error.ts";
import { type Layout, scratchKey } from "./layout.ts";

/** Places in `incoming/` for what is on its way in or out. What a killed process leaves there a sweep takes. */
export class Scratch {
  constructor(private readonly layout: Layout, private readonly keys: InUse) {}

  /**
   * Runs `work` with a path at which nothing is; whatever is there afterwards is deleted. `work` begins in this very turn of the event
   * loop.
   */
  async use<T>(work: (path: string) => Promise<T>): Promise<T> {
    const key = scratchKey();
    const path = this.layout.part(key);
    const endUse = this.keys.take(key);
    try {
      return await work(path);
    } finally {
      await rm(path, { recursive: true, force: true });
      endUse();
    }
  }
}

/** A folder that still holds something stays. */
export async function removeFolderIfEmpty(path: string): Promise<void> {
  if ((await readdir(path)).length > 0) return;
  try {
    await rmdir(path);
  } catch (error) {
    if (!["ENOTEMPTY", "EEXIST", "ENOENT"].includes(systemCode(error) ?? "")) throw error;
  }
}

/** Deletes a file below a folder, and the folders on the way that are empty then; the folder itself stays. Follows no links. */
export async function removeWithParents(folder: string, path: string): Promise<void> {
  const parents = parentsOf(path).map((parent) => join(folder, parent));
  if (!parents.every((parent) => findEntry(parent)?.isDirectory())) return;
  if (findEntry(join(folder, path))?.isDirectory()) return;
  await rm(join(folder, path), { force: true });
  for (const parent of parents.toReversed()) await removeFolderIfEmpty(parent);
}

/** `a`, `a/b` for `a/b/c`. */
function parentsOf(path: string): string[] {
  const names = path.split("/").slice(0, -1);
  return names.map((_, index) => names.slice(0, index + 1).join("/"));
}
