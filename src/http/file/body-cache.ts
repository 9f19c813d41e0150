import { readSync } from "node:fs";
import { type ByteRange, LarderError, systemCode } from "../../core/index.ts";
import { Descriptors } from "./descriptors.ts";

/** Bodies up to this size are answered from memory; above it the kernel sends the file. */
export const MEMORY_BODY_BYTES_MAX = 128 * 1024;

const CACHE_BYTES = 32 * 1024 * 1024;
const FULL_MS = 10_000;
const SEEN_MAX = 512;

interface BlobFile {
  readonly digest: string;
  readonly path: string;
  readonly sizeBytes: number;
}

/**
 * Small files and small ranges in memory: for these, opening a file and having it sent costs more than its bytes do. What is
 * asked for again soon is kept. Nothing is pushed out one by one: when more is wanted than fits, throwing bodies away as
 * fast as they come cost twice the time of not keeping them; so a full cache stays as it is for a while, then starts empty.
 * Bytes that are named by digest never change, so nothing here goes stale.
 */
export class BodyCache {
  readonly #bodies = new Map<string, Blob>();
  #bytes = 0;
  #startOver: NodeJS.Timeout | undefined;
  readonly #seen = new Set<string>();
  readonly #descriptors = new Descriptors();
  /** Shared by all reads: a response copies the bytes that it is made of at once. */
  readonly #scratch = new Uint8Array(MEMORY_BODY_BYTES_MAX);

  /**
   * @param range At most {@link MEMORY_BODY_BYTES_MAX} long. The bytes are valid until the next call.
   * @throws {LarderError} BLOB_MISSING, BLOB_DAMAGED (shorter than it should be)
   */
  body(file: BlobFile, range: ByteRange): Blob | Uint8Array<ArrayBuffer> {
    const key = `${file.digest}:${range.start}-${range.end}`;
    const kept = this.#bodies.get(key);
    if (kept !== undefined) return kept;
    const bytes = this.#read(file, range);
    this.#consider(key, bytes);
    return bytes;
  }

  close(): void {
    this.#clear();
    this.#descriptors.closeAll();
  }

  #consider(key: string, bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#bytes + bytes.length > CACHE_BYTES) {
      this.#startOver ??= setTimeout(() => this.#clear(), FULL_MS).unref();
    } else if (this.#seen.delete(key)) {
      this.#bodies.set(key, new Blob([bytes]));
      this.#bytes += bytes.length;
    } else {
      if (this.#seen.size >= SEEN_MAX) this.#seen.clear();
      this.#seen.add(key);
    }
  }

  #clear(): void {
    clearTimeout(this.#startOver);
    this.#startOver = undefined;
    this.#bodies.clear();
    this.#bytes = 0;
  }

  #read(file: BlobFile, { start, end }: ByteRange): Uint8Array<ArrayBuffer> {
    const fd = this.#open(file);
    const length = end - start;
    for (let done = 0; done < length;) {
      const count = readSync(fd, this.#scratch, done, length - done, start + done);
      if (count === 0) throw this.#tooShort(file);
      done += count;
    }
    return this.#scratch.subarray(0, length);
  }

  #open({ digest, path }: BlobFile): number {
    try {
      return this.#descriptors.get(path);
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
      throw new LarderError("BLOB_MISSING", `Cannot read blob ${digest}: its file is gone`, {
        hint: 'Run "larder repair".',
        cause: error,
      });
    }
  }

  #tooShort({ digest, path }: BlobFile): LarderError {
    this.#descriptors.close(path);
    return new LarderError("BLOB_DAMAGED", `Cannot read blob ${digest}: its file is too short`, {
      hint: 'Run "larder repair".',
    });
  }
}
