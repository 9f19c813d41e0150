import { type Clock, formatModelRef } from "../core/index.ts";
import type { Entry } from "./entry.ts";
import type { LoadingModel, LoadProgress, ModelKey, ReplaceOptions } from "./types.ts";
import { Waiters } from "./waiters.ts";

export interface LoadJobDeps<M> {
  readonly clock: Clock;
  readonly late: (job: LoadJob<M>) => Error;
  readonly onDeserted: (job: LoadJob<M>, why: "aborted" | "late") => void;
}

/** One load of one model, from the first who asks to the end of the load. */
export class LoadJob<M> {
  readonly key: ModelKey;
  readonly id: string;
  readonly waiters: Waiters<M>;
  /** In memory and in use until this one is there. */
  readonly replaced = new Set<Entry<M>>();
  readonly sinceMs: number;
  state: LoadingModel["state"] = "queued";
  /** Nobody finds it any more. */
  isOver = false;
  /** It was given up for somebody who needs its room, which it may still take up. */
  gaveWay = false;
  estimatedBytes = 0;
  /** The load itself has begun: it takes memory. */
  startedMs: number | undefined;
  progress: LoadProgress | undefined;
  check: ReplaceOptions<M>["check"];
  /** Called in the step in which the model enters the cache. */
  readonly onReady = new Set<(entry: Entry<M>) => void>();
  /** What the load or the check threw. */
  failure: unknown;
  /** Resolves when nothing of it goes on. */
  readonly settled = Promise.withResolvers<void>();
  readonly #abort = new AbortController();

  constructor({ model, version, variant }: ModelKey, deps: LoadJobDeps<M>) {
    // A copy: what a caller gives may hold more, and it is kept for as long as the model.
    this.key = { model, version, variant };
    this.id = formatModelRef(this.key);
    this.sinceMs = deps.clock.monotonicMs();
    this.waiters = new Waiters({
      clock: deps.clock,
      late: () => deps.late(this),
      onDeserted: (why) => deps.onDeserted(this, why),
    });
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Nobody needs it yet. */
  get isPreload(): boolean {
    return this.waiters.size > 0 && this.waiters.needing === 0;
  }

  /** Its model takes the place of one that is counted already. */
  get takesOver(): boolean {
    return [...this.replaced].some(({ state }) => state === "loaded");
  }

  cancel(reason: Error): void {
    this.#abort.abort(reason);
    this.waiters.refuse(reason);
  }
}
