import { createCipheriv, createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, readSync, renameSync, statSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { MIB } from "./types.ts";

const PIECE_BYTES = 8 * MIB;

export interface DataFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** Files of bytes that do not compress and do not repeat, made once and used by every bench that asks for the same. */
export class DataFiles {
  readonly #folder: string;
  readonly #known = new Map<string, DataFile>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The bytes follow from the name: the same name has the same bytes in every run. */
  ensure(name: string, sizeBytes: number): DataFile {
    const key = `${name}-${sizeBytes}`;
    const known = this.#known.get(key) ?? this.#find(key, sizeBytes) ?? this.#make(key, sizeBytes);
    this.#known.set(key, known);
    return known;
  }

  /** A file that an earlier run left (`--keep`); its digest is taken anew, which also warms it. */
  #find(key: string, sizeBytes: number): DataFile | undefined {
    const path = join(this.#folder, key);
    if (statSync(path, { throwIfNoEntry: false })?.size !== sizeBytes) return undefined;
    const hasher = new Bun.CryptoHasher("sha256");
    readThrough(path, (bytes) => hasher.update(bytes));
    return { path, sizeBytes, sha256: hasher.digest("hex") };
  }

  #make(key: string, sizeBytes: number): DataFile {
    const path = join(this.#folder, key);
    return { path, sizeBytes, sha256: writeRandom(path, key, sizeBytes) };
  }
}

/** Brings files into the page cache. */
export function warm(files: readonly Pick<DataFile, "path">[]): void {
  for (const { path } of files) readThrough(path, () => {});
}

/** @returns The SHA-256 of what was written. */
export function writeRandom(path: string, seed: string, sizeBytes: number): string {
  mkdirSync(dirname(path), { recursive: true });
  const key = createHash("sha256").update(seed).digest().subarray(0, 16);
  // The key stream of a cipher: as good as random, and ten times faster than asking the kernel.
  const cipher = createCipheriv("aes-128-ctr", key, Buffer.alloc(16));
  const zeros = Buffer.alloc(Math.min(PIECE_BYTES, sizeBytes));
  const hasher = new Bun.CryptoHasher("sha256");
  const fd = openSync(`${path}.tmp`, "w");
  for (let done = 0; done < sizeBytes;) {
    const piece = cipher.update(zeros.subarray(0, Math.min(zeros.length, sizeBytes - done)));
    hasher.update(piece);
    for (let written = 0; written < piece.length;) written += writeSync(fd, piece, written);
    done += piece.length;
  }
  closeSync(fd);
  renameSync(`${path}.tmp`, path);
  return hasher.digest("hex");
}

function readThrough(path: string, take: (bytes: Uint8Array) => void): void {
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  const fd = openSync(path, "r");
  for (let count = -1; count !== 0;) {
    count = readSync(fd, buffer);
    take(buffer.subarray(0, count));
  }
  closeSync(fd);
}
