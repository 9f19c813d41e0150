import { type Clock, LarderError, logger } from "../core/index.ts";
import type { FoundVariant, PreloadSupport } from "../library/index.ts";
import type { PreloadModels } from "./attempt.ts";
import { Candidates } from "./candidates.ts";
import { Passes } from "./passes.ts";
import { checkPreloadConfig, DEFAULT_PRELOAD_CONFIG } from "./preload-config.ts";
import { PreloadQueue } from "./preload-queue.ts";
import type { Candidate, Ranked } from "./strategies/index.ts";
import { type Counts, Tally } from "./tally.ts";
import type {
  Preload,
  PreloadConfig,
  PreloadEntry,
  PreloadRequest,
  PreloadResult,
  PreloadStats,
  PreloadView,
} from "./types.ts";
import { WriteBehind } from "./write-behind.ts";

/** Between two looks at what could not be loaded the last time, or is likely to be used by now. */
const LOOK_MS = 15_000;
const WRITE_MS = 1_000;
const [CONFIG, COUNTS] = ["preload.config", "preload.stats"];
const log = logger("preload");

export interface PreloaderDeps {
  readonly models: PreloadModels;
  readonly support: PreloadSupport;
  readonly clock: Clock;
}

/** Loads models before anybody asks, as long as nobody who asks has to wait for it. Close it before the library. */
export class Preloader implements Preload {
  readonly queue: PreloadQueue;
  readonly #candidates: Candidates;
  readonly #tally: Tally;
  readonly #counts: WriteBehind<Counts>;
  readonly #passes: Passes;
  readonly #stopping = new AbortController();
  #config: PreloadConfig;
  #waking = new AbortController();
  #running: Promise<void> | undefined;

  constructor(private readonly deps: PreloaderDeps) {
    const { models, support, clock } = deps;
    const kept = support.recall(CONFIG) as Partial<PreloadConfig> | undefined;
    this.#config = { ...DEFAULT_PRELOAD_CONFIG, ...kept };
    this.#counts = new WriteBehind({
      write: (counts) => support.keep(COUNTS, counts, { durable: false }),
      everyMs: WRITE_MS,
      clock,
    });
    const counted = support.recall(COUNTS) as Partial<Counts> | undefined;
    this.#tally = new Tally(counted, (counts) => this.#counts.set(counts));
    this.queue = new PreloadQueue(support);
    this.#candidates = new Candidates({ support, clock, isLoaded: (found) => this.#isLoaded(found) });
    this.#passes = new Passes({
      ...{ models, support, clock, queue: this.queue, tally: this.#tally },
      ranked: () => this.#candidates.ranked(this.#config.strategy),
      noteFollowed: (reference) => this.#candidates.noteFollowed(reference),
      config: () => this.#config,
    });
  }

  /** From now on it works by itself. */
  start(): void {
    this.#running ??= this.#run(this.#stopping.signal);
  }

  async close(): Promise<void> {
    this.#stopping.abort(
      new LarderError("SHUTTING_DOWN", "Cannot preload: larder is stopping", { retryable: true }),
    );
    await this.#running;
    await this.#counts.close();
  }

  async list(): Promise<PreloadView> {
    const { loading, isYielding } = this.#passes;
    const queue = this.#candidates.ranked(this.#config.strategy).map((one) => this.#entry(one));
    const resting = this.#config.enabled ? "idle" : "off";
    const state = isYielding ? "yielding" : loading.size > 0 ? "loading" : resting;
    return { state, config: this.#config, queue };
  }

  async add(requests: readonly PreloadRequest[]): Promise<readonly string[]> {
    const references = await this.queue.add(requests, this.deps.clock.nowS());
    this.wake();
    return references;
  }

  remove(reference?: string): Promise<number> {
    return this.queue.remove(reference === undefined ? undefined : [reference]);
  }

  async configure(changes: Partial<PreloadConfig>): Promise<PreloadConfig> {
    const config = { ...this.#config, ...checkPreloadConfig(changes) };
    await this.deps.support.keep(CONFIG, config);
    this.#config = config;
    this.wake();
    return config;
  }

  async stats(): Promise<PreloadStats> {
    return this.#tally.view();
  }

  process(signal?: AbortSignal): Promise<readonly PreloadResult[]> {
    const stopping = this.#stopping.signal;
    return this.#passes.run(
      () => true,
      signal === undefined ? stopping : AbortSignal.any([stopping, signal]),
    );
  }

  /** There may be something to do. */
  wake(): void {
    this.#waking.abort();
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#waking = new AbortController();
      if (!await this.#passOnce(signal)) await this.#rest(signal);
    }
  }

  /** @returns Whether there is more to do at once. */
  async #passOnce(signal: AbortSignal): Promise<boolean> {
    const isWanted = ({ origin }: Candidate) => this.#config.enabled || origin === "restart";
    try {
      const results = await this.#passes.run(isWanted, signal);
      return results.some(({ outcome }) => outcome === "gave_way");
    } catch (error) {
      // Whatever it is: nobody waits for it, and the next look may find things mended.
      if (!signal.aborted) log.warn("Cannot preload now: {error}", { error: String(error) });
      return false;
    }
  }

  async #rest(signal: AbortSignal): Promise<void> {
    try {
      await this.deps.clock.sleep(LOOK_MS, AbortSignal.any([signal, this.#waking.signal]));
    } catch (error) {
      if (!signal.aborted && !this.#waking.signal.aborted) throw error;
    }
  }

  #isLoaded({ model, version, variant }: FoundVariant): boolean {
    return this.deps.models.cacheStats().cached_models.some((one) =>
      one.model === model && one.version === version && one.variant === variant
    );
  }

  #entry({ reference, origin, priority, score, reason, addedAtS }: Ranked): PreloadEntry {
    const skipped = this.queue.skipOf(reference);
    const resting = skipped === undefined ? "waiting" : "skipped";
    return {
      reference,
      origin,
      priority: priority + score,
      reason,
      user_priority: priority,
      added_at: addedAtS,
      state: this.#passes.loading.has(reference) ? "loading" : resting,
      skipped: skipped ?? null,
    };
  }
}
