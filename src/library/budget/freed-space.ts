import type { DiskUse } from "./disk-use.ts";

/** How long a file system may take to give back what was deleted: some do it at their next commit, or when the last reader is done. */
const GIVEN_BACK_MS = 60_000;

interface Expected {
  readonly usedBytes: number;
  readonly freeBytes: number;
  readonly untilMs: number;
}

/**
 * Deleted bytes whose space the file system has not given back yet. They count as free for a while: otherwise one variant after the
 * other would go for the same room.
 */
export class FreedSpace {
  #expected: Expected | undefined;

  /** @param use As it was before the bytes were deleted. */
  note({ usedBytes, freeBytes }: DiskUse, freedBytes: number, nowMs: number): void {
    this.#expected = {
      usedBytes: usedBytes - freedBytes,
      freeBytes: freeBytes + freedBytes,
      untilMs: nowMs + GIVEN_BACK_MS,
    };
  }

  /** The disk with what will be free, less what we have written since. */
  seen(use: DiskUse, nowMs: number): DiskUse {
    if (this.#expected === undefined || nowMs >= this.#expected.untilMs) return use;
    const writtenBytes = Math.max(0, use.usedBytes - this.#expected.usedBytes);
    return { ...use, freeBytes: Math.max(use.freeBytes, this.#expected.freeBytes - writtenBytes) };
  }
}
