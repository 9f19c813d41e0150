import type { Entry } from "./entry.ts";
import { KeyIndex } from "./key-index.ts";
import type { ModelKey, Unloading } from "./types.ts";

export interface ResidentsDeps<M> {
  readonly dispose: (entry: Entry<M>) => Promise<void>;
  /** The memory of a model is given back, or its last lease ended. */
  readonly onFreed: () => void;
}

export const NOTHING_TO_UNLOAD: Unloading = { found: false, leases: 0, done: Promise.resolve() };

/**
 * All models in memory. One that is taken out has no name any more: it drains until its last lease ends, then closes until its
 * memory is given back.
 */
export class Residents<M> {
  readonly #byKey = new KeyIndex<Entry<M>>();
  readonly #loaded = new Set<Entry<M>>();
  readonly #leaving = new Set<Entry<M>>();

  constructor(private readonly deps: ResidentsDeps<M>) {}

  /** In the order in which they were loaded. */
  get loaded(): ReadonlySet<Entry<M>> {
    return this.#loaded;
  }

  get leaving(): ReadonlySet<Entry<M>> {
    return this.#leaving;
  }

  find(key: ModelKey): Entry<M> | undefined {
    return this.#byKey.get(key);
  }

  /** @param entry One whose key is free. */
  add(entry: Entry<M>): void {
    this.#byKey.set(entry.key, entry);
    this.#loaded.add(entry);
  }

  /** Nobody finds it any more. */
  takeOut(entry: Entry<M>): Unloading {
    if (this.#loaded.delete(entry)) {
      this.#byKey.delete(entry.key);
      this.#leaving.add(entry);
      entry.state = "draining";
      if (entry.leases === 0) this.close(entry);
    }
    return { found: true, leases: entry.leases, done: entry.gone.promise };
  }

  /** Gives the memory of one that drained back. */
  close(entry: Entry<M>): void {
    entry.state = "closing";
    void this.deps.dispose(entry).finally(() => {
      this.#leaving.delete(entry);
      entry.gone.resolve();
      this.deps.onFreed();
    });
  }

  /** Resolves when one that is closing has closed; at once when none is. */
  async nextClosed(): Promise<void> {
    const closing = [...this.#leaving].filter(({ state }) => state === "closing");
    if (closing.length > 0) await Promise.race(closing.map(({ gone }) => gone.promise));
  }
}
