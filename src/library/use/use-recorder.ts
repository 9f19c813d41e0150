import type { ModelKey } from "../../cache/index.ts";
import { type Clock, logger } from "../../core/index.ts";
import type { Registry, UseReport } from "../../registry/index.ts";
import type { LastUse } from "../preload-types.ts";
import { HourOfWeek } from "./hour-of-week.ts";
import { UseCounts } from "./use-counts.ts";
import { type UsedVariant, usedVariant } from "./used-variant.ts";

/** Between two writes. */
const WRITE_MS = 1000;
/** Between two tries while the registry cannot be written. */
const RETRY_MS_MAX = 60_000;
/** A model that is used later than this after another one does not follow it. */
const FOLLOWS_WITHIN_S = 3600;
const log = logger("use");

export interface UseRecorderDeps {
  readonly registry: Pick<Registry, "recordUses">;
  readonly clock: Clock;
}

/**
 * Counts in memory who is used, and tells the registry at most once a second: what a request waits for is an increment. A write that
 * fails keeps its counts and is tried again; a process that is killed loses the last second. Close it before the registry.
 */
export class UseRecorder {
  readonly #hours = new HourOfWeek();
  readonly #stopping = new AbortController();
  #counts = new UseCounts();
  /** Handed to the registry, which has not taken it yet. */
  #unwritten: UseReport | undefined;
  #writing: Promise<void> | undefined;
  #last: { readonly of: UsedVariant; atS: number } | undefined;

  constructor(private readonly deps: UseRecorderDeps) {}

  /** The model in memory that was used last. */
  get last(): LastUse | undefined {
    const { of, atS } = this.#last ?? {};
    return of === undefined || atS === undefined ? undefined : { model: of.model, variant: of.variant, atS };
  }

  /** A model in memory was used. */
  noteUse(key: ModelKey): void {
    const of = usedVariant(key);
    const nowS = this.deps.clock.nowS();
    this.#counts.add(of, nowS, this.#hours.at(nowS));
    this.#noteOrder(of, nowS);
    this.#writeSoon();
  }

  /** A model was loaded, for whomever. */
  noteLoad(key: ModelKey, loadMs: number): void {
    this.#counts.addLoad(usedVariant(key), loadMs);
    this.#writeSoon();
  }

  /** What these variants are made of was given out. */
  noteFiles(variants: readonly UsedVariant[]): void {
    if (variants.length === 0) return;
    const nowS = this.deps.clock.nowS();
    for (const variant of variants) this.#counts.add(variant, nowS);
    this.#writeSoon();
  }

  /** Writes what is left. What cannot be written then is lost. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#writing;
    try {
      while (this.#hasUnwritten()) await this.#write();
    } catch (error) {
      log.warn("Cannot write down the last uses of models: {error}", { error: String(error) });
    }
  }

  #noteOrder(of: UsedVariant, nowS: number): void {
    const last = this.#last;
    if (last !== undefined && last.of.model === of.model && last.of.variant === of.variant) {
      last.atS = nowS;
      return;
    }
    if (last !== undefined && nowS - last.atS <= FOLLOWS_WITHIN_S) this.#counts.addFollow(last.of, of);
    this.#last = { of, atS: nowS };
  }

  #writeSoon(): void {
    if (this.#writing !== undefined || this.#stopping.signal.aborted) return;
    this.#writing = this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    let failures = 0;
    do {
      await this.#pause(Math.min(WRITE_MS * 2 ** failures, RETRY_MS_MAX));
      if (this.#stopping.signal.aborted) return;
      try {
        await this.#write();
        failures = 0;
      } catch (error) {
        // Whatever it is: nobody waits for these counts, and they are still here for the next try.
        if (failures++ === 0) {
          log.warn("Cannot write down uses of models yet: {error}", { error: String(error) });
        }
      }
    } while (this.#hasUnwritten());
    // In the same step as the last look: what is noted from here on starts anew.
    this.#writing = undefined;
  }

  async #write(): Promise<void> {
    if (this.#unwritten === undefined) {
      this.#unwritten = this.#counts.report();
      this.#counts = new UseCounts();
    }
    await this.deps.registry.recordUses(this.#unwritten);
    this.#unwritten = undefined;
  }

  #hasUnwritten(): boolean {
    return this.#unwritten !== undefined || !this.#counts.isEmpty;
  }

  /** Ends early when the recorder closes. */
  #pause(ms: number): Promise<void> {
    const { signal } = this.#stopping;
    return this.deps.clock.sleep(ms, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}
