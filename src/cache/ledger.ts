import { type Clock, isLarderError, logger } from "../core/index.ts";
import { reasonOf } from "./cache-errors.ts";
import { Churn } from "./churn.ts";
import type { Entry } from "./entry.ts";
import { Failures } from "./failures.ts";
import type { LoadJob } from "./load-job.ts";
import { Measurements } from "./measurements.ts";
import type { CacheEvent, CacheOptions, CacheSettings, EvictionReason } from "./types.ts";
import { NOTHING_YET, type Tally } from "./views.ts";

/** Evictions that nobody asked for: what they take out may be missed. */
const AUTOMATIC: ReadonlySet<EvictionReason> = new Set<EvictionReason>(["room", "limits", "idle", "expired"]);
const log = logger("cache");

export interface LedgerDeps {
  readonly clock: Clock;
  readonly settings: () => CacheSettings;
  readonly onEvent: CacheOptions<unknown>["onEvent"] | undefined;
  readonly isCrash: CacheOptions<unknown>["isCrash"] | undefined;
}

/** What is counted, remembered and told of all models, in memory or not. */
export class Ledger {
  readonly tally: Tally = { ...NOTHING_YET };
  readonly measurements = new Measurements();
  readonly failures: Failures;
  readonly #churn = new Churn();

  constructor(private readonly deps: LedgerDeps) {
    this.failures = new Failures(deps.settings);
  }

  /** A load is wanted. */
  missed(id: string): void {
    const { clock, settings } = this.deps;
    const afterS = this.#churn.missed(id, clock.monotonicMs(), settings().churnWindowS);
    if (afterS === undefined) return;
    this.tally.churn++;
    this.#tell({ type: "churn", key: id, afterS });
  }

  loading<M>({ id, estimatedBytes }: LoadJob<M>): void {
    this.tally.totalLoads++;
    this.#tell({ type: "loading", key: id, estimatedBytes });
  }

  loaded({ id, bytes, measured: { estimatedBytes, loadMs } }: Entry<unknown>): void {
    this.#tell({ type: "loaded", key: id, bytes, estimatedBytes, loadMs });
  }

  loadFailed<M>({ id }: LoadJob<M>, error: unknown): void {
    this.tally.failedLoads++;
    this.#tell({ type: "load_failed", key: id, error });
    // Its measured size is known now and speaks for itself, for as long as the bounds are what they are.
    if (!isLarderError(error, "MODEL_TOO_LARGE") && !isLarderError(error, "CACHE_FULL")) {
      this.#remember(id, error, this.deps.isCrash?.(error) ?? false);
    }
  }

  lost({ id }: Entry<unknown>, error: unknown): void {
    this.#tell({ type: "lost", key: id, error });
    this.#remember(id, error, true);
  }

  replaced(old: Entry<unknown>, by: Entry<unknown>): void {
    this.#tell({ type: "replaced", key: old.id, by: by.id });
  }

  takenOut({ id, bytes, leases }: Entry<unknown>, reason: EvictionReason): void {
    if (AUTOMATIC.has(reason)) {
      this.tally.evictions++;
      this.#churn.evicted(id, this.deps.clock.monotonicMs());
    }
    this.#tell({ type: "evicted", key: id, bytes, reason, leases });
  }

  /** A model that cannot give its memory back is let go all the same: nobody could use it any more. */
  async dispose({ id, bytes, loaded }: Entry<unknown>): Promise<void> {
    const startedMs = this.deps.clock.monotonicMs();
    try {
      await loaded.dispose();
    } catch (error) {
      log.error("cannot unload {id}: {reason}", { id, reason: reasonOf(error) });
      return this.#tell({ type: "dispose_failed", key: id, error });
    }
    this.#tell({ type: "disposed", key: id, bytes, disposeMs: this.deps.clock.monotonicMs() - startedMs });
  }

  #remember(id: string, error: unknown, isCrash: boolean): void {
    const crashes = this.failures.add(id, this.deps.clock.monotonicMs(), { error, isCrash });
    if (!isCrash) return;
    this.tally.crashes++;
    if (crashes >= this.deps.settings().crashLimit) this.#tell({ type: "put_aside", key: id, crashes });
  }

  #tell(event: CacheEvent): void {
    try {
      this.deps.onEvent?.(event);
    } catch (error) {
      // A listener's bug must not stop a model half way through the door.
      log.error("a listener failed on {type}: {reason}", { type: event.type, reason: reasonOf(error) });
    }
  }
}
