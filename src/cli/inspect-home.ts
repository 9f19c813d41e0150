import { accessSync, constants, lstatSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { systemCode } from "../core/index.ts";
import { type HomeOwner, readOwner } from "../library/index.ts";

/** What can be seen of a home without owning it. */
export interface HomeReport {
  readonly exists: boolean;
  /** Permission bits. */
  readonly mode: number | null;
  readonly writable: boolean;
  /** Who noted that the home is theirs and still runs; the lock itself is not touched. */
  readonly owner: HomeOwner | null;
  readonly disk: { readonly totalBytes: number; readonly freeBytes: number } | null;
}

export function inspectHome(home: string): HomeReport {
  const mode = modeOf(home);
  const exists = mode !== null;
  const existing = exists ? home : nearestParent(home);
  return {
    exists,
    mode,
    writable: isWritable(existing),
    owner: exists ? ownerOf(home) : null,
    disk: diskOf(existing),
  };
}

function modeOf(path: string): number | null {
  const entry = lstatSync(path, { throwIfNoEntry: false });
  return entry === undefined ? null : entry.mode & 0o777;
}

function nearestParent(path: string): string {
  let parent = dirname(path);
  while (modeOf(parent) === null && parent !== dirname(parent)) parent = dirname(parent);
  return parent;
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    // Whatever forbids it, the answer is no.
    return false;
  }
}

function ownerOf(home: string): HomeOwner | null {
  const owner = readOwner(home);
  return owner !== undefined && runs(owner.pid) ? owner : null;
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === "EPERM";
  }
}

function diskOf(path: string): HomeReport["disk"] {
  try {
    const { bsize, blocks, bavail } = statfsSync(path);
    return { totalBytes: blocks * bsize, freeBytes: bavail * bsize };
  } catch {
    // A home that cannot be looked at is told by its mode.
    return null;
  }
}
