import { LarderError, untilAborted } from "../core/index.ts";
import type { DownloadProgress } from "../download/index.ts";
import type { BlobStore } from "../store/index.ts";
import type { FetchedBlob, FetchOptions, FileFetcher } from "./file-fetcher.ts";
import { type PlannedFile, transferKey } from "./pull-plan.ts";

interface Shared {
  /** Undefined when it only cleared away what was left. */
  readonly done: Promise<FetchedBlob | undefined>;
  readonly controller: AbortController;
  readonly listeners: Set<(progress: DownloadProgress) => void>;
  last: DownloadProgress | undefined;
  waiters: number;
}

/**
 * Fetches each file once, however many pulls want it at the same time: whoever comes later joins. A transfer ends early only when
 * its last waiter has gone; what is there is then kept to be resumed.
 */
export class SharedTransfers {
  readonly #running = new Map<string, Shared>();

  constructor(
    private readonly fetcher: Pick<FileFetcher, "fetch" | "discard">,
    private readonly store: Pick<BlobStore, "pin">,
  ) {}

  get count(): number {
    return this.#running.size;
  }

  /**
   * @returns The blob, pinned: call `unpin` when a row points to it.
   * @throws The signal's reason, or what ended the transfer.
   */
  async run(
    file: PlannedFile,
    options: FetchOptions,
  ): Promise<FetchedBlob & { readonly unpin: () => void }> {
    options.signal.throwIfAborted();
    const shared = await this.#join(file, options);
    shared.listeners.add(options.onProgress);
    if (shared.last) options.onProgress(shared.last);
    try {
      const blob = await untilAborted(shared.done, options.signal);
      if (blob === undefined) throw new Error("joined what was only cleared away");
      return { ...blob, unpin: this.store.pin(blob.digest) };
    } finally {
      shared.listeners.delete(options.onProgress);
      await this.#leave(shared, options.signal);
    }
  }

  /** Deletes what ended transfers left of a file, unless one of them is running again. */
  async discard(file: PlannedFile): Promise<void> {
    const key = transferKey(file);
    if (this.#running.has(key)) return;
    const controller = new AbortController();
    controller.abort();
    const done = this.fetcher.discard(file).then(() => undefined).finally(() => this.#running.delete(key));
    // Whoever wants the file now waits for this to end, as for a transfer that is given up.
    this.#running.set(key, { done, controller, listeners: new Set(), last: undefined, waiters: 0 });
    await done;
  }

  /** Ends all transfers, keeping what can be resumed. */
  async close(): Promise<void> {
    const reason = new LarderError("SHUTTING_DOWN", "Cannot finish this pull now: larder is stopping", {
      retryable: true,
      hint: "It goes on when larder starts again.",
    });
    const running = [...this.#running.values()];
    for (const shared of running) shared.controller.abort(reason);
    await Promise.allSettled(running.map((shared) => shared.done));
  }

  /** Joins the transfer of the same key, or starts it; one that is just being given up is waited for first. */
  async #join(file: PlannedFile, options: FetchOptions): Promise<Shared> {
    const key = transferKey(file);
    for (let running = this.#running.get(key); running !== undefined; running = this.#running.get(key)) {
      if (!running.controller.signal.aborted) {
        running.waiters++;
        return running;
      }
      await running.done.catch(() => {});
      options.signal.throwIfAborted();
    }
    return this.#start(key, file, options.group);
  }

  #start(key: string, file: PlannedFile, group: string): Shared {
    const controller = new AbortController();
    const listeners: Shared["listeners"] = new Set();
    const done = this.fetcher.fetch(file, {
      signal: controller.signal,
      group,
      onProgress: (progress) => {
        shared.last = progress;
        for (const listener of listeners) listener(progress);
      },
    }).finally(() => this.#running.delete(key));
    // Each waiter sees the failure for itself; with none left nobody does.
    done.catch(() => {});
    const shared: Shared = { done, controller, listeners, last: undefined, waiters: 1 };
    this.#running.set(key, shared);
    return shared;
  }

  async #leave(shared: Shared, signal: AbortSignal): Promise<void> {
    if (--shared.waiters > 0) return;
    if (signal.aborted) shared.controller.abort(signal.reason);
    await shared.done.then((blob) => blob?.release(), () => {});
  }
}
