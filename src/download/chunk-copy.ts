import { closeSync, constants, openSync } from "node:fs";
import { type ByteRange, sha256, systemCode } from "../core/index.ts";
import { readFully } from "./read-fully.ts";
import type { ChunkCopy } from "./types.ts";

/** A chunk from a local file, if that still has it; the digest is checked. What cannot be had here is fetched. */
export function readCopy(
  { path, offset, digest }: ChunkCopy,
  { start, end }: ByteRange,
): Uint8Array | undefined {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const bytes = readFully(fd, offset, end - start);
      return sha256(bytes) === digest ? bytes : undefined;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
