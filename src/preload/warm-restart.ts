import { type Clock, formatModelRef, isLarderError, logger, parseModelRef } from "../core/index.ts";
import type { Models, PreloadRow, PreloadSupport } from "../library/index.ts";
import type { PreloadQueue } from "./preload-queue.ts";

/** Between two looks at what is loaded: a process that is killed forgets what changed since the last one. */
const LOOK_MS = 2_000;
const MODELS_MAX = 1_000;
const [LOADED, SETTINGS] = ["warm.loaded", "warm.cache_settings"];
const log = logger("preload");

type CacheSettings = ReturnType<Models["configureCache"]>;

/** Settings of the cache: as they were configured when the process started, and as they were changed to while it ran. */
interface KeptSettings {
  readonly configured: Partial<CacheSettings>;
  readonly changed: Partial<CacheSettings>;
}

export interface WarmRestartDeps {
  readonly models: Pick<Models, "cacheStats" | "configureCache">;
  readonly support: PreloadSupport;
  readonly queue: PreloadQueue;
  readonly clock: Clock;
}

/**
 * Keeps what is loaded across restarts: it is queued again, the most used first, and noted anew every few seconds and at the end. What
 * is pinned or preloaded is kept by those who do it.
 */
export class WarmRestart {
  readonly #stopping = new AbortController();
  readonly #configured: CacheSettings;
  readonly #written = new Map<string, string>();
  #watching: Promise<void> | undefined;

  constructor(private readonly deps: WarmRestartDeps) {
    this.#configured = deps.models.configureCache({});
  }

  /** What was changed while the last process ran, as far as it was started with the same configuration. */
  restoreSettings(): void {
    const { configured = {}, changed = {} } = (this.deps.support.recall(SETTINGS) ?? {}) as Partial<
      KeptSettings
    >;
    const now: Partial<CacheSettings> = this.#configured;
    const same = Object.entries(changed).filter(([key]) => {
      const name = key as keyof CacheSettings;
      return JSON.stringify(configured[name]) === JSON.stringify(now[name]);
    });
    this.deps.models.configureCache(Object.fromEntries(same));
  }

  /**
   * Queues what was loaded when the last process ended, and from then on notes what is loaded.
   *
   * @param isWanted False: it is forgotten.
   */
  async start(isWanted: boolean): Promise<void> {
    await (isWanted ? this.#queueLoaded() : this.#forget());
    this.#watching ??= this.#watch(this.#stopping.signal);
  }

  /** Notes for the last time. What cannot be written then is as it was at the last look. */
  async close(): Promise<void> {
    this.#stopping.abort();
    if (this.#watching === undefined) return;
    await this.#watching;
    await this.#note();
  }

  async #queueLoaded(): Promise<void> {
    const { support, queue, clock } = this.deps;
    const queued = new Set(support.listQueue().map(({ reference }) => reference));
    const references = this.#mostUsedFirst().filter((reference) => !queued.has(reference));
    if (references.length === 0) return;
    await queue.put(references.map((reference, index): PreloadRow => ({
      ...{ reference, origin: "restart", addedAtS: clock.nowS() },
      priority: references.length - index,
    })));
  }

  /** Of equal ones the one that was used last. What is not here any more has no use. */
  #mostUsedFirst(): string[] {
    const loaded = ((this.deps.support.recall(LOADED) ?? []) as readonly string[]).slice(0, MODELS_MAX);
    const counts = new Map(loaded.map((reference) => [reference, this.#countOf(reference)]));
    return loaded.toSorted((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0));
  }

  #countOf(reference: string): number {
    try {
      return this.deps.support.find(parseModelRef(reference)).count;
    } catch (error) {
      if (isLarderError(error)) return 0;
      throw error;
    }
  }

  async #forget(): Promise<void> {
    const rows = this.deps.support.listQueue().filter(({ origin }) => origin === "restart");
    if (rows.length > 0) await this.deps.queue.remove(rows.map(({ reference }) => reference));
  }

  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.deps.clock.sleep(LOOK_MS, signal).catch(() => {/* the last look follows */});
      if (!signal.aborted) await this.#note();
    }
  }

  async #note(): Promise<void> {
    const settings: KeptSettings = {
      configured: this.#configured,
      changed: this.deps.models.configureCache({}),
    };
    try {
      await this.#keep(SETTINGS, settings);
      await this.#keep(LOADED, this.#lastUsedFirst());
    } catch (error) {
      log.warn("Cannot note what is loaded: {error}", { error: String(error) });
    }
  }

  /** What nobody has used since it was loaded stays in the order of loading, after the others. */
  #lastUsedFirst(): string[] {
    const atS = ({ uses, last_used_at }: { readonly uses: number; readonly last_used_at: number }) =>
      uses === 0 ? 0 : last_used_at;
    return this.deps.models.cacheStats().cached_models.filter(({ state }) => state === "loaded")
      .sort((a, b) => atS(b) - atS(a))
      .map(({ model, version, variant }) => formatModelRef({ model, version, variant }));
  }

  async #keep(name: string, value: unknown): Promise<void> {
    const text = JSON.stringify(value);
    if (this.#written.get(name) === text) return;
    await this.deps.support.keep(name, value, { durable: false });
    this.#written.set(name, text);
  }
}
