import { type Digest, GitBlobHash, Sha256 } from "../core/index.ts";
import type { Journal } from "./journal.ts";
import type { TransferPart } from "./part-file.ts";

/** A small file on its way: nothing of it is on disk before it is whole and right, and nothing is left to be resumed. */
export class MemoryPart implements TransferPart {
  /** As they came, one behind the other: most small files come in one piece, which is then not copied. */
  #pieces: Uint8Array[] = [];
  #sizeBytes = 0;

  get bytes(): Uint8Array {
    const [first, ...others] = this.#pieces;
    return others.length === 0 ? first ?? new Uint8Array() : Buffer.concat(this.#pieces);
  }

  readJournal(): Journal | undefined {
    return undefined;
  }

  sizeBytes(): number {
    return this.#sizeBytes;
  }

  begin(): void {
    this.setSize(0);
  }

  /** Only cuts. */
  setSize(totalBytes: number): void {
    if (totalBytes >= this.#sizeBytes) return;
    this.#pieces = totalBytes === 0 ? [] : [this.bytes.subarray(0, totalBytes)];
    this.#sizeBytes = totalBytes;
  }

  write(bytes: Uint8Array, position: number): void {
    if (position > this.#sizeBytes) throw new Error("a small file is written from its start to its end");
    this.setSize(position);
    this.#pieces.push(bytes);
    this.#sizeBytes += bytes.byteLength;
  }

  digestSmall(): Digest {
    const hash = new Sha256();
    for (const piece of this.#pieces) hash.update(piece);
    return hash.digest();
  }

  gitOid(): Promise<string> {
    const hash = new GitBlobHash(this.#sizeBytes);
    for (const piece of this.#pieces) hash.update(piece);
    return Promise.resolve(hash.digest());
  }

  goOn(): void {}
  noteWritten(): void {}
  noteBegun(): void {}
  noteHashed(): void {}
  startFlushing(): void {}
}
