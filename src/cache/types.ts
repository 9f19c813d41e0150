import type { Backoff, Clock } from "../core/index.ts";
import type { PolicyName } from "./policies/index.ts";
import type { CacheStats, Explanation } from "./view-types.ts";

export type * from "./view-types.ts";

/** What is loaded: names that are resolved already, never an alias. */
export interface ModelKey {
  readonly model: string;
  readonly version: string;
  readonly variant: string;
}

/** What a load gives. */
export interface Loaded<M> {
  readonly model: M;
  /** Measured. Read again every second: a getter may let it grow. */
  readonly bytes: number;
  /** Gives the memory back; called once, after the last lease has ended. */
  dispose(): Promise<void>;
  /** Rejects when the model can no longer be used. Then it leaves the cache, and it counts as a crash. */
  readonly lost?: Promise<unknown>;
}

/** How far a load is, for those who wait; it becomes part of the details of MODEL_LOADING. */
export type LoadProgress = Readonly<Record<string, unknown>>;

/** Disk to memory. The signal aborts when the key is evicted or the cache closes, not when a caller leaves. */
export type LoadModel<M> = (
  key: ModelKey,
  signal: AbortSignal,
  report: (progress: LoadProgress) => void,
) => Promise<Loaded<M>>;

/** What may change while the cache runs. */
export interface CacheSettings {
  readonly policy: PolicyName;
  /** Models in memory, those that are being loaded included. */
  readonly countMax: number;
  /** For the policy `ttl`: time since the load. */
  readonly ttlS: number;
  /** Unused for so long, a model goes under any policy; null keeps it. */
  readonly keepAliveS: number | null;
  /** A model that is asked for so soon after its eviction is reported: the cache is too small for its load. */
  readonly churnWindowS: number;
  /** Callers that wait, for whatever model. */
  readonly waitersMax: number;
  readonly loadsAtOnce: number;
  /** How long a caller waits that does not say. */
  readonly deadlineMs: number;
  /** How long a model that failed is refused: doubled each time, without jitter. */
  readonly failureBackoff: Backoff;
  /** After so many crashes a model is put aside until it is forgiven. */
  readonly crashLimit: number;
  /** So long after its last failure, a model's next one counts as the first. */
  readonly forgiveS: number;
}

/** What is wanted of one model beside the settings of all. */
export interface ModelCare {
  /** In place of {@link CacheSettings.keepAliveS}. */
  readonly keepAliveS?: number;
  /** 1 by default. A model of less weight goes before one of more; the policy decides among those of one weight. */
  readonly weight?: number;
}

export interface CacheOptions<M> extends Partial<CacheSettings> {
  readonly load: LoadModel<M>;
  /** What a load is expected to need, from the files. A load that was measured before needs no estimate. */
  readonly estimateBytes: (key: ModelKey) => number | Promise<number>;
  /**
   * Read before each load and every second. Must not throw.
   *
   * @param heldBytes What models take now: where the bound follows the memory that is free, theirs is to be added.
   */
  readonly bytesMax: (heldBytes: number) => number;
  /** Asked again whenever somebody has to go, and every second: answers may change. Must not throw. */
  readonly careOf?: (key: ModelKey) => ModelCare;
  readonly clock?: Clock;
  readonly onEvent?: (event: CacheEvent) => void;
  /** Which failed loads count towards {@link CacheSettings.crashLimit}; none by default. */
  readonly isCrash?: (error: unknown) => boolean;
}

/** A loaded model is in use until the lease ends. */
export interface Lease<M> extends Disposable {
  readonly key: ModelKey;
  /** Not to be used after the end of the lease. */
  readonly model: M;
  /** The same as disposing; may be called again. */
  release(): void;
}

export interface WaitOptions {
  readonly signal?: AbortSignal;
  /** At most this long from now. */
  readonly deadlineMs?: number;
  /**
   * Nobody asked for the model yet: nothing is evicted for it, its load is given up when somebody needs the room, and it counts neither
   * as asked for nor as used. CACHE_FULL when there is no room for it as it is, CANCELLED when it has given way.
   */
  readonly isPreload?: boolean;
}

export interface ReplaceOptions<M> extends WaitOptions {
  /** Tries the new model before anybody gets it; what it throws keeps the old one. */
  readonly check?: (model: M, signal: AbortSignal) => Promise<void>;
  /**
   * Called in the very step in which the new model takes the old one's place, while both are there: who keeps a map from names to
   * versions changes it here, so that nobody asks for the old one afterwards.
   */
  readonly onSwap?: () => void;
}

export interface Unloading {
  /** False when there was nothing to unload. */
  readonly found: boolean;
  /** How many still use it; they finish. */
  readonly leases: number;
  /** When its memory is given back. */
  readonly done: Promise<void>;
}

export type EvictionReason =
  | "room"
  | "limits"
  | "idle"
  | "expired"
  | "asked"
  | "replaced"
  | "lost"
  | "closing";

/** What happened, with the model as `model@version:variant`. */
export type CacheEvent =
  | { readonly type: "loading"; readonly key: string; readonly estimatedBytes: number }
  | {
    readonly type: "loaded";
    readonly key: string;
    readonly bytes: number;
    readonly estimatedBytes: number;
    readonly loadMs: number;
  }
  | { readonly type: "load_failed"; readonly key: string; readonly error: unknown }
  | {
    readonly type: "evicted";
    readonly key: string;
    readonly bytes: number;
    readonly reason: EvictionReason;
    readonly leases: number;
  }
  | { readonly type: "disposed"; readonly key: string; readonly bytes: number; readonly disposeMs: number }
  | { readonly type: "dispose_failed"; readonly key: string; readonly error: unknown }
  | { readonly type: "churn"; readonly key: string; readonly afterS: number }
  | { readonly type: "replaced"; readonly key: string; readonly by: string }
  | { readonly type: "lost"; readonly key: string; readonly error: unknown }
  | { readonly type: "put_aside"; readonly key: string; readonly crashes: number };

/**
 * Models in memory: loaded on first use, once per key however many wait, bounded by count and bytes. A model in use or pinned is
 * never evicted.
 */
export interface ModelCache<M> {
  readonly settings: CacheSettings;
  /** Callers that wait for a load; whoever preloads is none. */
  readonly waiting: number;
  /**
   * A lease on a loaded model, which is loaded first where it is not.
   *
   * @throws {LarderError} MODEL_LOADING and CACHE_FULL when the deadline passes, CACHE_FULL at once when pinned models fill the
   * cache, MODEL_QUEUE_FULL, MODEL_TOO_LARGE, MODEL_FAILED, MODEL_SET_ASIDE, CANCELLED, SHUTTING_DOWN; and what `load` throws.
   */
  acquire(key: ModelKey, options?: WaitOptions): Promise<Lease<M>>;
  /** A lease if the model is loaded now. */
  tryAcquire(key: ModelKey): Lease<M> | undefined;
  /**
   * Loads the new one beside the old one, which serves meanwhile, then puts it in the old one's place in one step, its pin
   * included. Where the old one is not loaded, this only loads. The keys may be the same. Other models may be evicted for it, and
   * refusals after earlier failures do not count. Waits without end unless told otherwise; a caller that leaves keeps both.
   *
   * @throws {LarderError} RELOAD_FAILED when the new one fails, with the reason as `cause`; CACHE_FULL when both do not fit; and what
   * {@link acquire} throws.
   */
  replace(oldKey: ModelKey, newKey: ModelKey, options?: ReplaceOptions<M>): Promise<Unloading>;
  /** Takes a model out at once, pinned or not; who uses it finishes. A load under way is aborted, its waiters get CANCELLED. */
  evict(key: ModelKey): Unloading;
  /** Keeps the policies away from a model, now or when it is loaded. Loads nothing. */
  pin(key: ModelKey): void;
  unpin(key: ModelKey): void;
  /** Forgets the failures of a model, or of all, and what was measured: it may have changed. */
  forgive(key?: ModelKey): void;
  /** Who would be evicted for a load and why, without doing it. Without a key: for a model of no size. */
  explain(key?: ModelKey): Promise<Explanation>;
  configure(changes: Partial<CacheSettings>): void;
  stats(): CacheStats;
  /** Refuses whoever waits or comes, aborts loads, and resolves when all leases have ended and all memory is given back. */
  close(): Promise<void>;
}
