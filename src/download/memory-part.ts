import { type Digest, sha256 } from "../core/index.ts";
import type { Journal, JournalHeader } from "./journal.ts";
import type { TransferPart } from "./part-file.ts";

/** A small file on its way: nothing of it is on disk before it is whole and right, and nothing is left to be resumed. */
export class MemoryPart implements TransferPart {
  #bytes = new Uint8Array();

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  readJournal(): Journal | undefined {
    return undefined;
  }

  sizeBytes(): number {
    return this.#bytes.byteLength;
  }

  begin(header: JournalHeader | undefined): void {
    this.#bytes = new Uint8Array(header?.totalBytes ?? 0);
  }

  setSize(totalBytes: number): void {
    this.#bytes = this.#bytes.slice(0, totalBytes);
  }

  write(bytes: Uint8Array, position: number): void {
    this.#bytes.set(bytes, position);
  }

  digestSmall(): Digest {
    return sha256(this.#bytes);
  }

  goOn(): void {}
  noteWritten(): void {}
  noteBegun(): void {}
  noteHashed(): void {}
  startFlushing(): void {}
}
