import type { ErrorRecord } from "../core/index.ts";
import type { PolicyName } from "./policies/index.ts";
import type { ModelKey } from "./types.ts";

export interface CachedModel extends ModelKey {
  readonly bytes: number;
  readonly estimated_bytes: number;
  readonly load_ms: number;
  readonly uses: number;
  readonly leases: number;
  readonly pinned: boolean;
  /** `draining`: out of the cache, its last users finish. `closing`: its memory is being given back. */
  readonly state: "loaded" | "draining" | "closing";
  /** Unix seconds. */
  readonly loaded_at: number;
  /** Unix seconds, to the second. */
  readonly last_used_at: number;
  /** Why the last reload of this model kept it. */
  readonly reload_error?: ErrorRecord;
}

export interface LoadingModel extends ModelKey {
  readonly state: "queued" | "waiting_for_room" | "loading";
  readonly estimated_bytes: number;
  readonly waiters: number;
  readonly elapsed_ms: number;
}

export interface FailedModel {
  readonly key: string;
  readonly reason: string;
  readonly failures: number;
  readonly crashes: number;
  /** 0 when the next request tries again. */
  readonly refused_for_s: number;
  readonly set_aside: boolean;
}

export interface CacheStats {
  readonly policy: PolicyName;
  readonly cache_size: number;
  readonly count_max: number;
  /** Of loaded models and of those that are leaving. */
  readonly bytes: number;
  readonly bytes_max: number;
  readonly cached_models: readonly CachedModel[];
  readonly leaving_models: readonly CachedModel[];
  readonly loading_models: readonly LoadingModel[];
  readonly failed_models: readonly FailedModel[];
  readonly pins: readonly string[];
  readonly waiting: number;
  readonly hits: number;
  readonly misses: number;
  /** 0 to 1; both rates are 0 before the first request. */
  readonly hit_rate: number;
  readonly miss_rate: number;
  readonly evictions: number;
  readonly churn: number;
  readonly crashes: number;
  readonly total_loads: number;
  readonly failed_loads: number;
  readonly load_ms: LoadTimes;
}

export interface LoadTimes {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly max: number;
  readonly last: number;
}

export interface ExplainedModel {
  readonly key: string;
  readonly bytes: number;
  readonly reason: string;
}

export interface Explanation {
  readonly policy: PolicyName;
  readonly key?: string;
  readonly estimated_bytes: number;
  /** What a request for the key would meet now. */
  readonly outcome: "loaded" | "loading" | "fits" | "evicts" | "waits" | "blocked" | "too_large" | "refused";
  /** Who would go for it. */
  readonly victims: readonly ExplainedModel[];
  /** All that could go, the first to go first. */
  readonly order: readonly ExplainedModel[];
  /** All that could not, and why. */
  readonly kept: readonly ExplainedModel[];
}
