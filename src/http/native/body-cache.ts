import { closeSync, constants, openSync, readSync } from "node:fs";
import { LRUCache } from "lru-cache";
import { type ByteRange, LarderError, systemCode } from "../../core/index.ts";

/** Bodies up to this size are answered from memory; above it the kernel sends the file. */
export const MEMORY_BODY_BYTES_MAX = 128 * 1024;

const CACHE_BYTES = 32 * 1024 * 1024;
const SEEN_MAX = 4096;

/**
 * Small files and small ranges, read into memory: for these, opening and sending a file costs more than its bytes. What is
 * asked for a second time is kept, so that one walk over a large file in small steps does not push out what is asked for often.
 * Bytes that are named by digest never change, so nothing here goes stale.
 */
export class BodyCache {
  readonly #bodies = new LRUCache<string, Blob>({
    maxSize: CACHE_BYTES,
    sizeCalculation: (body, key) => body.size + key.length,
  });
  readonly #seen = new LRUCache<string, true>({ max: SEEN_MAX });
  /** Shared by all reads: a response copies the bytes that it is made of at once. */
  readonly #scratch = new Uint8Array(MEMORY_BODY_BYTES_MAX);

  /**
   * @param range At most {@link MEMORY_BODY_BYTES_MAX} long. The bytes are valid until the next call.
   * @throws {LarderError} BLOB_MISSING, BLOB_DAMAGED (shorter than it should be)
   */
  body(file: { readonly digest: string; readonly path: string }, range: ByteRange): Blob | Uint8Array {
    const key = `${file.digest}:${range.start}-${range.end}`;
    const kept = this.#bodies.get(key);
    if (kept !== undefined) return kept;
    const bytes = this.#read(file, range);
    if (this.#seen.has(key)) this.#bodies.set(key, new Blob([bytes]));
    else this.#seen.set(key, true);
    return bytes;
  }

  #read(file: { readonly digest: string; readonly path: string }, range: ByteRange): Uint8Array<ArrayBuffer> {
    const length = range.end - range.start;
    const fd = openFile(file);
    try {
      let done = 0;
      while (done < length) {
        const count = readSync(fd, this.#scratch, done, length - done, range.start + done);
        if (count === 0) throw shortFile(file.digest);
        done += count;
      }
    } finally {
      closeSync(fd);
    }
    return this.#scratch.subarray(0, length);
  }
}

function openFile({ digest, path }: { readonly digest: string; readonly path: string }): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    throw new LarderError("BLOB_MISSING", `Cannot read blob ${digest}: its file is gone`, {
      hint: 'Run "larder repair".',
      cause: error,
    });
  }
}

function shortFile(digest: string): LarderError {
  return new LarderError("BLOB_DAMAGED", `Cannot read blob ${digest}: its file is too short`, {
    hint: 'Run "larder repair".',
  });
}
