import { type Clock, formatModelRef, systemClock } from "../core/index.ts";
import { cacheClosed, queueFull } from "./cache-errors.ts";
import { type Desk, Entry } from "./entry.ts";
import { explainLoad, NO_CLAIM } from "./explain.ts";
import { Ledger } from "./ledger.ts";
import type { LoadJob } from "./load-job.ts";
import { Loads } from "./loads.ts";
import { Lookout } from "./lookout.ts";
import { Replacer } from "./replacer.ts";
import { NOTHING_TO_UNLOAD } from "./residents.ts";
import { DEFAULT_CACHE_SETTINGS } from "./settings.ts";
import { Shelf } from "./shelf.ts";
import type {
  CacheOptions,
  CacheSettings,
  CacheStats,
  Explanation,
  Lease,
  Loaded,
  ModelCache,
  ModelCare,
  ModelKey,
  ReplaceOptions,
  Unloading,
  WaitOptions,
} from "./types.ts";
import { cachedModel, loadingModel, tallyView } from "./views.ts";

const NO_CARE: ModelCare = {};

export function createModelCache<M>(options: CacheOptions<M>): ModelCache<M> {
  return new Cache(options);
}

class Cache<M> implements ModelCache<M> {
  readonly #clock: Clock;
  #settings: CacheSettings;
  readonly #estimateBytes: CacheOptions<M>["estimateBytes"];
  readonly #desk: Desk<M>;
  readonly #ledger: Ledger;
  readonly #shelf: Shelf<M>;
  readonly #loads: Loads<M>;
  readonly #replacer: Replacer<M>;
  readonly #lookout: Lookout;
  #isClosed = false;

  constructor(
    { load, estimateBytes, bytesMax, careOf, clock = systemClock, onEvent, isCrash, ...settings }:
      CacheOptions<M>,
  ) {
    this.#clock = clock;
    this.#settings = { ...DEFAULT_CACHE_SETTINGS, ...settings };
    this.#estimateBytes = estimateBytes;
    this.#desk = { nowMs: clock.monotonicMs(), order: 0, becameIdle: (entry) => this.#becameIdle(entry) };
    const readSettings = () => this.#settings;
    const ledger = new Ledger({ clock, settings: readSettings, onEvent, isCrash });
    this.#ledger = ledger;
    this.#shelf = new Shelf({
      desk: this.#desk,
      clock,
      settings: readSettings,
      bytesMax,
      careOf: careOf ?? (() => NO_CARE),
      claims: () => this.#loads.claims,
      dispose: (entry) => ledger.dispose(entry),
      onFreed: () => this.#loads.pump(),
      onTakenOut: (entry, reason) => ledger.takenOut(entry, reason),
      onReplaced: (old, successor) => ledger.replaced(old, successor),
    });
    this.#loads = new Loads({
      clock,
      settings: readSettings,
      shelf: this.#shelf,
      ledger,
      load,
      bytesOf: (key) => this.#bytesOf(key),
      entryOf: (job, loaded, loadMs) => this.#entryOf(job, loaded, loadMs),
      onLoaded: (job, entry) => this.#welcome(job, entry),
    });
    this.#replacer = new Replacer({
      shelf: this.#shelf,
      loads: this.#loads,
      begin: (key) => this.#begin(key),
    });
    this.#lookout = new Lookout({
      clock,
      look: () => this.#look(),
      isNeeded: () => this.#shelf.residents.loaded.size + this.#loads.size > 0,
    });
    this.#shelf.refresh();
  }

  get settings(): CacheSettings {
    return this.#settings;
  }

  get waiting(): number {
    return this.#loads.needing;
  }

  async acquire(key: ModelKey, options: WaitOptions = {}): Promise<Lease<M>> {
    const { signal, isPreload = false } = options;
    signal?.throwIfAborted();
    const lease = isPreload ? this.#shelf.residents.find(key)?.leaseUnused() : this.tryAcquire(key);
    if (lease !== undefined) return lease;
    if (!isPreload) this.#ledger.tally.misses++;
    const job = this.#jobFor(key, isPreload);
    return await job.waiters.wait({ deadlineMs: this.#settings.deadlineMs, ...options });
  }

  tryAcquire(key: ModelKey): Lease<M> | undefined {
    const entry = this.#shelf.residents.find(key);
    if (entry === undefined) return undefined;
    this.#ledger.tally.hits++;
    const lease = entry.lease();
    this.#shelf.policy.used(entry);
    return lease;
  }

  async replace(oldKey: ModelKey, newKey: ModelKey, options: ReplaceOptions<M> = {}): Promise<Unloading> {
    options.signal?.throwIfAborted();
    this.#refuseWhenClosed();
    return await this.#replacer.replace(oldKey, newKey, options);
  }

  evict(key: ModelKey): Unloading {
    const job = this.#loads.find(key);
    if (job !== undefined) this.#loads.cancel(job);
    const entry = this.#shelf.residents.find(key);
    if (entry !== undefined) return this.#shelf.takeOut(entry, "asked");
    return job === undefined ? NOTHING_TO_UNLOAD : { found: true, leases: 0, done: job.settled.promise };
  }

  pin(key: ModelKey): void {
    this.#shelf.pin(key);
  }

  unpin(key: ModelKey): void {
    this.#shelf.unpin(key);
    this.#look();
  }

  forgive(key?: ModelKey): void {
    const id = key && formatModelRef(key);
    this.#ledger.failures.forgive(id);
    this.#ledger.measurements.forget(id);
  }

  configure(changes: Partial<CacheSettings>): void {
    const before = this.#settings;
    this.#settings = { ...before, ...changes };
    if (this.#settings.policy !== before.policy) this.#shelf.setPolicy(this.#settings.policy);
    this.#look();
  }

  async explain(key?: ModelKey): Promise<Explanation> {
    const estimatedBytes = key === undefined ? 0 : await this.#bytesOf(key);
    const id = key && formatModelRef(key);
    this.#shelf.refresh();
    const claim = { ...NO_CLAIM, id: id ?? NO_CLAIM.id, estimatedBytes };
    const nowMs = this.#clock.monotonicMs();
    return {
      policy: this.#settings.policy,
      ...(id === undefined ? {} : { key: id }),
      estimated_bytes: estimatedBytes,
      ...explainLoad(this.#shelf, claim, { nowMs, known: key && this.#known(key) }),
    };
  }

  stats(): CacheStats {
    const { loaded, leaving } = this.#shelf.residents;
    const { tally, failures, measurements } = this.#ledger;
    return {
      policy: this.#settings.policy,
      cache_size: loaded.size,
      count_max: this.#settings.countMax,
      bytes: this.#shelf.heldBytes,
      bytes_max: this.#shelf.bytesMax,
      cached_models: [...loaded].map((entry) => cachedModel(entry, this.#clock)),
      leaving_models: [...leaving].map((entry) => cachedModel(entry, this.#clock)),
      loading_models: [...this.#loads.all].map((job) => loadingModel(job, this.#clock)),
      failed_models: failures.list(this.#clock.monotonicMs()),
      pins: [...this.#shelf.pins],
      waiting: this.#loads.waiting,
      ...tallyView(tally),
      load_ms: measurements.times,
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#lookout.close();
    const { loaded, leaving } = this.#shelf.residents;
    const loads = this.#loads.close(cacheClosed());
    for (const entry of loaded) this.#shelf.takeOut(entry, "closing");
    await Promise.all([loads, ...[...leaving].map(({ gone }) => gone.promise)]);
  }

  #refuseWhenClosed(): void {
    if (this.#isClosed) throw cacheClosed();
  }

  /** The load that a caller who misses a model waits for. */
  #jobFor(key: ModelKey, isPreload: boolean): LoadJob<M> {
    this.#refuseWhenClosed();
    const job = this.#loads.find(key);
    const id = formatModelRef(key);
    const refusal = job === undefined && this.#ledger.failures.refusal(id, this.#clock.monotonicMs());
    if (refusal) throw refusal;
    const { waitersMax } = this.#settings;
    if (this.#loads.waiting >= waitersMax) throw queueFull(id, waitersMax, this.#loads.expectedWaitMs);
    return job ?? this.#begin(key, isPreload);
  }

  #begin(key: ModelKey, isPreload = false): LoadJob<M> {
    const id = formatModelRef(key);
    if (!isPreload) {
      this.#ledger.missed(id);
      this.#shelf.policy.missed(id);
    }
    this.#lookout.wake();
    return this.#loads.ensure(key);
  }

  #bytesOf(key: ModelKey): number | Promise<number> {
    return this.#ledger.measurements.bytesOf(formatModelRef(key)) ?? this.#estimateBytes(key);
  }

  #entryOf({ key, estimatedBytes }: LoadJob<M>, loaded: Loaded<M>, loadMs: number): Entry<M> {
    // Until somebody may use it nobody cares; then #welcome does.
    loaded.lost?.catch(() => {});
    this.#desk.nowMs = this.#clock.monotonicMs();
    return new Entry(key, loaded, { estimatedBytes, loadMs, loadedAtS: this.#clock.nowS() }, this.#desk);
  }

  #welcome(job: LoadJob<M>, entry: Entry<M>): void {
    if (job.isPreload) entry.noteUnasked();
    job.waiters.grant((isPreload) => isPreload ? entry.leaseUnused() : entry.lease());
    this.#shelf.put(entry);
    this.#ledger.loaded(entry);
    for (const onReady of job.onReady) onReady(entry);
    entry.loaded.lost?.catch((error: unknown) => this.#lose(entry, error));
    this.#lookout.wake();
  }

  #lose(entry: Entry<M>, error: unknown): void {
    if (entry.state !== "loaded") return;
    this.#ledger.lost(entry, error);
    this.#shelf.takeOut(entry, "lost");
  }

  #known(key: ModelKey): Explanation["outcome"] | undefined {
    if (this.#shelf.residents.find(key) !== undefined) return "loaded";
    if (this.#loads.find(key) !== undefined) return "loading";
    const refusal = this.#ledger.failures.refusal(formatModelRef(key), this.#clock.monotonicMs());
    return refusal && "refused";
  }

  #becameIdle(entry: Entry<M>): void {
    if (entry.state !== "loaded") return this.#shelf.residents.close(entry);
    if (this.#shelf.isOver) this.#shelf.trim();
    if (this.#loads.wantsRoom) this.#loads.pump();
  }

  /** Sees what has changed by itself: time, bounds, what models take. */
  #look(): void {
    for (const entry of this.#shelf.residents.loaded) entry.bytes = entry.loaded.bytes;
    this.#shelf.refresh();
    this.#shelf.takeOutStale();
    this.#shelf.trim();
    this.#loads.pump();
  }
}
