import { fstatSync, ftruncateSync, writeSync } from "node:fs";
import { type Digest, diskError, GitBlobHash, Sha256 } from "../core/index.ts";
import {
  decodeJournal,
  encodeBegun,
  encodeBoot,
  encodeHeader,
  encodeRecord,
  type Journal,
  type JournalHeader,
} from "./journal.ts";
import { readFully } from "./read-fully.ts";
import { writeFully } from "./write-fully.ts";
import type { WritebackHint } from "./writeback.ts";

const READ_BYTES = 1024 * 1024;
/** 20,000 chunks (100 GB) written and hashed take 1.8 MB. */
const JOURNAL_BYTES_MAX = 256 * 1024 * 1024;

/** What a transfer writes to. */
export type TransferPart = Pick<PartFile, keyof PartFile>;

/** A part and its journal, by descriptor, from the thread that writes them. */
export class PartFile {
  #hintedBytes = 0;

  constructor(
    private readonly fd: number,
    private readonly journalFd: number,
    private readonly writeback: WritebackHint,
  ) {}

  /** What an earlier process noted; undefined when there is nothing usable. */
  readJournal(): Journal | undefined {
    const { size } = fstatSync(this.journalFd);
    if (size === 0 || size > JOURNAL_BYTES_MAX) return undefined;
    return decodeJournal(readFully(this.journalFd, 0, size));
  }

  sizeBytes(): number {
    return fstatSync(this.fd).size;
  }

  /** Empties part and journal and notes what the bytes to come belong to. */
  begin(header: JournalHeader | undefined): void {
    this.#guarded(() => {
      ftruncateSync(this.journalFd, 0);
      ftruncateSync(this.fd, 0);
      if (header) {
        this.#append(encodeHeader(header));
        ftruncateSync(this.fd, header.totalBytes);
      }
    });
    this.#hintedBytes = 0;
  }

  /** Goes on after the records that are right; those to come belong to this boot. */
  goOn(journal: Journal, boot: Digest | undefined): void {
    this.#guarded(() => {
      ftruncateSync(this.journalFd, journal.sizeBytes);
      if (boot !== undefined && boot !== journal.boot) this.#append(encodeBoot(boot));
    });
  }

  /** Cuts or extends the part: a tail that does not belong to it is gone, a missing one reads as zeros. */
  setSize(totalBytes: number): void {
    this.#guarded(() => ftruncateSync(this.fd, totalBytes));
  }

  write(bytes: Uint8Array, position: number): void {
    this.#guarded(() => writeFully(this.fd, bytes, position));
  }

  noteWritten(index: number): void {
    this.#guarded(() => this.#append(encodeRecord(index)));
  }

  noteBegun(index: number, writtenBytes: number): void {
    this.#guarded(() => this.#append(encodeBegun(index, writtenBytes)));
  }

  noteHashed(index: number, digest: Digest): void {
    this.#guarded(() => this.#append(encodeRecord(index, digest)));
  }

  startFlushing(frontBytes: number): void {
    this.#hintedBytes = this.writeback.after(this.fd, this.#hintedBytes, frontBytes);
  }

  /** Digest of a part that is one chunk at most. */
  digestSmall(sizeBytes: number): Digest {
    const hash = new Sha256();
    for (const piece of this.#pieces(sizeBytes)) hash.update(piece);
    return hash.digest();
  }

  /** Git's name of a part, of any length: other transfers of this thread go on between two pieces. @throws The signal's reason. */
  async gitOid(sizeBytes: number, signal: AbortSignal): Promise<string> {
    const hash = new GitBlobHash(sizeBytes);
    for (const piece of this.#pieces(sizeBytes)) {
      hash.update(piece);
      await Bun.sleep(0);
      signal.throwIfAborted();
    }
    return hash.digest();
  }

  *#pieces(sizeBytes: number): Generator<Uint8Array> {
    for (let at = 0; at < sizeBytes; at += READ_BYTES) {
      yield readFully(this.fd, at, Math.min(READ_BYTES, sizeBytes - at));
    }
  }

  #append(bytes: Uint8Array): void {
    writeSync(this.journalFd, bytes);
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      throw diskError(error, "write the download to disk");
    }
  }
}
