import {
  type ErrorRecord,
  LarderError,
  logger,
  movableBuffers,
  Semaphore,
  WorkerClient,
} from "../core/index.ts";
import { fsyncFd, isFlushUnsupported } from "./descriptors.ts";
import { type Home, onDisk } from "./disk-error.ts";
import type { Batch, BatchOutcome, NewFile, Publication } from "./flush-batch.ts";

/** From this size a file is flushed on its own, so that small ones do not wait for it. */
const LARGE_BYTES = 8 * 1024 * 1024;
/** Bounds how long the first of a batch waits for the last. */
const BATCH_MAX = 64;

interface Waiting<T> {
  readonly item: T;
  settle(error: unknown): void;
}

/**
 * Makes names durable without blocking this thread. What comes in while a flush is running is done together with the next one, so
 * that many small commits share the flush of a folder.
 */
export class Flusher {
  #worker: WorkerClient | undefined;
  #isRunning = false;
  #isReduced = false;
  readonly #publications: Waiting<Publication | NewFile>[] = [];
  readonly #folders: Waiting<string>[] = [];
  /** A flush may hold a thread of the pool for seconds; reads of the disk need the others. */
  readonly #large = new Semaphore(1);

  constructor(private readonly home: Home) {}

  /** The file system refused to flush: a power cut may lose what was stored last. */
  get isReduced(): boolean {
    return this.#isReduced;
  }

  /** Starts the thread, so that the first commit does not wait for it. */
  warmUp(): void {
    this.#worker ??= new WorkerClient("store/flush");
  }

  /** @throws {LarderError} IO, NO_SPACE, READONLY, STORE_GONE, ... */
  async publish(publication: Omit<Publication, "isFlushed">): Promise<void> {
    const isFlushed = publication.sizeBytes >= LARGE_BYTES;
    if (isFlushed) await this.#large.run(() => this.#flushLarge(publication.fd));
    await this.#enqueue(this.#publications, { ...publication, isFlushed });
  }

  /** Writes, flushes and names small files together. Their bytes are gone for the caller. @throws {LarderError} As {@link publish}. */
  async publishNew(file: NewFile): Promise<void> {
    await this.#enqueue(this.#publications, file);
  }

  /** Flushes folders whose entries changed. */
  async syncFolders(folders: Iterable<string>): Promise<void> {
    await Promise.all([...new Set(folders)].map((folder) => this.#enqueue(this.#folders, folder)));
  }

  /** What is still waiting is rejected. */
  close(): void {
    this.#worker?.close();
    const error = new LarderError("SHUTTING_DOWN", "Cannot flush: the store was closed", { retryable: true });
    for (const waiting of [...this.#publications.splice(0), ...this.#folders.splice(0)]) {
      waiting.settle(error);
    }
  }

  async #flushLarge(fd: number): Promise<void> {
    await onDisk(this.home, "flush a file", async () => {
      try {
        await fsyncFd(fd);
      } catch (error) {
        if (!isFlushUnsupported(error)) throw error;
        this.#noteReduced();
      }
    });
  }

  #enqueue<T>(queue: Waiting<T>[], item: T): Promise<void> {
    return new Promise((resolve, reject) => {
      queue.push({ item, settle: (error) => error === null ? resolve() : reject(error) });
      if (!this.#isRunning) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#isRunning = true;
    do {
      // One turn of the loop, so that what was waiting for the last batch can be part of this one.
      await new Promise((resolve) => setImmediate(resolve));
      await this.#flush(this.#publications.splice(0, BATCH_MAX), this.#folders.splice(0, BATCH_MAX));
    } while (this.#publications.length + this.#folders.length > 0);
    this.#isRunning = false;
  }

  async #flush(publications: Waiting<Publication | NewFile>[], folders: Waiting<string>[]): Promise<void> {
    const batch: Batch = {
      home: this.home,
      publications: publications.map(({ item }) => item),
      folders: folders.map(({ item }) => item),
    };
    try {
      this.warmUp();
      const bytes = batch.publications.flatMap((item) => "bytes" in item ? [item.bytes] : []);
      const outcome = await this.#worker?.call<BatchOutcome>("flushBatch", [batch], movableBuffers(...bytes));
      if (outcome?.isReduced) this.#noteReduced();
      publications.forEach(({ settle }, index) => settle(failure(outcome?.publications[index])));
      folders.forEach(({ settle }, index) => settle(failure(outcome?.folders[index])));
    } catch (error) {
      for (const { settle } of [...publications, ...folders]) settle(error);
    }
  }

  #noteReduced(): void {
    if (this.#isReduced) return;
    this.#isReduced = true;
    logger("store").warn("This file system cannot flush: a power cut may lose what was just stored.");
  }
}

function failure(record: ErrorRecord | null | undefined): LarderError | null {
  return record ? LarderError.fromRecord(record) : null;
}
