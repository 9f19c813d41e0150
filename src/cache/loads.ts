import { type Clock, formatModelRef, untilAborted } from "../core/index.ts";
import {
  cacheBlocked,
  cacheInUse,
  gaveWay,
  modelLoading,
  modelTooLarge,
  noFreeRoom,
  unloaded,
} from "./cache-errors.ts";
import type { Entry } from "./entry.ts";
import type { Ledger } from "./ledger.ts";
import { LoadJob } from "./load-job.ts";
import type { RoomPlan } from "./room.ts";
import type { Shelf } from "./shelf.ts";
import type { CacheSettings, Loaded, LoadModel, ModelKey } from "./types.ts";

export interface LoadsDeps<M> {
  readonly clock: Clock;
  readonly settings: () => CacheSettings;
  readonly shelf: Shelf<M>;
  readonly ledger: Ledger;
  readonly load: LoadModel<M>;
  readonly bytesOf: (key: ModelKey) => number | Promise<number>;
  readonly entryOf: (job: LoadJob<M>, loaded: Loaded<M>, loadMs: number) => Entry<M>;
  /** Puts it into the cache and answers who waits. */
  readonly onLoaded: (job: LoadJob<M>, entry: Entry<M>) => void;
}

/** Loads, at most one per key at a time: first come, first served among those that there is room for. */
export class Loads<M> {
  readonly #jobs = new Map<string, LoadJob<M>>();
  /** Those that wait for a slot or for room, in order. */
  readonly #queue = new Set<LoadJob<M>>();
  readonly #running = new Set<LoadJob<M>>();
  /** Loads of no use any more that have not ended: the next load of the same key waits for them. */
  readonly #ending = new Map<string, Promise<void>>();

  constructor(private readonly deps: LoadsDeps<M>) {}

  get all(): Iterable<LoadJob<M>> {
    return this.#jobs.values();
  }

  get size(): number {
    return this.#jobs.size;
  }

  /** Loads that have room: it is theirs until their models are in the cache. */
  get claims(): ReadonlySet<LoadJob<M>> {
    return this.#running;
  }

  /** One of those that wait could begin if there were room. */
  get wantsRoom(): boolean {
    return this.#queue.size > 0 && this.#hasSlot;
  }

  /** Callers, and loads that nobody waits for any more: each takes a place. */
  get waiting(): number {
    let waiting = 0;
    for (const { waiters } of this.#jobs.values()) waiting += Math.max(1, waiters.size);
    return waiting;
  }

  /** Callers that need a model. */
  get needing(): number {
    return this.#jobs.values().reduce((count, { waiters }) => count + waiters.needing, 0);
  }

  /** What somebody has to wait who comes now. */
  get expectedWaitMs(): number {
    return this.deps.ledger.measurements.times.mean * this.#jobs.size / this.deps.settings().loadsAtOnce;
  }

  find(key: ModelKey): LoadJob<M> | undefined {
    return this.#jobs.get(formatModelRef(key));
  }

  ensure(key: ModelKey): LoadJob<M> {
    const known = this.find(key);
    if (known !== undefined) return known;
    const job = new LoadJob<M>(key, {
      clock: this.deps.clock,
      late: (late) => this.#late(late),
      onDeserted: (deserted, why) => this.#deserted(deserted, why),
    });
    this.#jobs.set(job.id, job);
    void this.#enqueue(job);
    return job;
  }

  /** Begins what can begin now; what somebody needs before what is only preloaded. */
  pump(): void {
    for (const isPreload of [false, true]) {
      for (const job of this.#queue) {
        if (job.isPreload !== isPreload) continue;
        job.state = "queued";
        if (this.#hasSlot) this.#tryToBegin(job);
        else if (!isPreload) this.#letPreloadsGiveWay();
      }
    }
  }

  cancel(job: LoadJob<M>, reason: Error = unloaded(job.id)): void {
    this.#drop(job);
    job.cancel(reason);
  }

  async close(reason: Error): Promise<void> {
    for (const job of [...this.#jobs.values()]) this.cancel(job, reason);
    await Promise.all(this.#ending.values());
  }

  get #hasSlot(): boolean {
    return this.#running.size < this.deps.settings().loadsAtOnce;
  }

  async #enqueue(job: LoadJob<M>): Promise<void> {
    try {
      await this.#ending.get(job.id);
      job.estimatedBytes = await this.deps.bytesOf(job.key);
      this.deps.shelf.refresh();
    } catch (error) {
      return this.#refuse(job, error);
    }
    if (job.isOver) return;
    this.#queue.add(job);
    this.pump();
  }

  #tryToBegin(job: LoadJob<M>): void {
    const { shelf } = this.deps;
    const plan = shelf.plan(job);
    if (isAtCost(plan)) {
      if (job.isPreload) return this.#refuse(job, noFreeRoom(job.id));
      if (this.#letPreloadsGiveWay()) {
        job.state = "waiting_for_room";
        return;
      }
    }
    switch (plan.kind) {
      case "too_large":
        return this.#refuse(job, modelTooLarge(job.id, job.estimatedBytes, shelf.bytesMax));
      case "blocked":
        return this.#refuse(job, cacheBlocked(job.id, this.#kept(job)));
      case "wait":
        job.state = "waiting_for_room";
        return;
      case "room":
        this.#queue.delete(job);
        this.#running.add(job);
        job.state = "loading";
        shelf.makeRoom(plan.victims);
        void this.#run(job);
    }
  }

  /** @returns Whether there is room that will be free when they have ended. */
  #letPreloadsGiveWay(): boolean {
    for (const job of this.#running) {
      if (!job.isPreload) continue;
      job.gaveWay = true;
      this.cancel(job, gaveWay(job.id));
    }
    return this.#running.values().some((job) => job.gaveWay);
  }

  async #run(job: LoadJob<M>): Promise<void> {
    try {
      const startedMs = await this.#start(job);
      await this.#accept(job, await this.#load(job, startedMs));
    } catch (error) {
      this.#fail(job, error);
    } finally {
      this.#running.delete(job);
      this.#drop(job);
      this.deps.shelf.trim();
      this.pump();
    }
  }

  /** Waits for the memory that it was promised. */
  async #start(job: LoadJob<M>): Promise<number> {
    const { shelf, clock } = this.deps;
    while (!shelf.isFreeFor(job)) await untilAborted(shelf.residents.nextClosed(), job.signal);
    job.signal.throwIfAborted();
    // In the same step as the look: another load may wait for the same memory.
    return job.startedMs = clock.monotonicMs();
  }

  async #load(job: LoadJob<M>, startedMs: number): Promise<Entry<M>> {
    this.deps.ledger.loading(job);
    const loaded = await this.deps.load(job.key, job.signal, (progress) => {
      job.progress = progress;
    });
    return this.deps.entryOf(job, loaded, this.deps.clock.monotonicMs() - startedMs);
  }

  async #accept(job: LoadJob<M>, entry: Entry<M>): Promise<void> {
    const { shelf, ledger } = this.deps;
    try {
      await job.check?.(entry.loaded.model, job.signal);
      job.signal.throwIfAborted();
      ledger.measurements.add(job.id, entry);
      if (entry.bytes > shelf.bytesMax) throw modelTooLarge(job.id, entry.bytes, shelf.bytesMax);
      job.estimatedBytes = entry.bytes;
      if (job.isPreload && !shelf.isWithin) throw noFreeRoom(job.id);
    } catch (error) {
      await ledger.dispose(entry);
      throw error;
    }
    // In one step: what was claimed is here, and whoever comes from now on finds the model instead of its load.
    this.#running.delete(job);
    this.#drop(job);
    this.deps.onLoaded(job, entry);
  }

  #fail(job: LoadJob<M>, error: unknown): void {
    if (job.signal.aborted) return;
    job.failure = error;
    this.deps.ledger.loadFailed(job, error);
    job.waiters.refuse(error);
  }

  /** Of one that has not begun. */
  #refuse(job: LoadJob<M>, error: unknown): void {
    this.#drop(job);
    job.waiters.refuse(error);
  }

  #drop(job: LoadJob<M>): void {
    job.isOver = true;
    this.#queue.delete(job);
    if (this.#jobs.get(job.id) === job) this.#jobs.delete(job.id);
    if (this.#running.has(job)) this.#awaitEnd(job);
    else job.settled.resolve();
  }

  #awaitEnd({ id, settled }: LoadJob<M>): void {
    const end = settled.promise.then(() => {
      if (this.#ending.get(id) === end) this.#ending.delete(id);
    });
    this.#ending.set(id, end);
  }

  /** Whoever was told to come again will find it loaded; but nobody waits for room in the name of nobody. */
  #deserted(job: LoadJob<M>, why: "aborted" | "late"): void {
    const hasBegun = this.#running.has(job);
    if (!hasBegun && (why === "aborted" || job.state === "waiting_for_room")) this.#drop(job);
  }

  #late(job: LoadJob<M>): Error {
    if (job.state === "waiting_for_room") return cacheInUse(job.id, this.#inUse());
    const nowMs = this.deps.clock.monotonicMs();
    const loadMs = this.deps.ledger.measurements.expectedLoadMs(job.id);
    const leftMs = job.startedMs === undefined
      ? loadMs + this.expectedWaitMs
      : loadMs + job.startedMs - nowMs;
    return modelLoading(job.id, {
      state: job.state,
      elapsedMs: nowMs - job.sinceMs,
      leftMs: Math.max(0, leftMs),
      progress: job.progress,
    });
  }

  #inUse(): string[] {
    return [...this.deps.shelf.residents.loaded].filter(({ leases }) => leases > 0).map(({ id }) => id);
  }

  #kept({ replaced }: LoadJob<M>): string[] {
    const { loaded } = this.deps.shelf.residents;
    return [...loaded].filter((entry) => entry.pinned || replaced.has(entry)).map(({ id }) => id);
  }
}

/** Others have to go for it, or to end. */
function isAtCost(plan: RoomPlan<unknown>): boolean {
  return plan.kind === "wait" || (plan.kind === "room" && plan.victims.length > 0);
}
