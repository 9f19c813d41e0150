import type { Clock } from "../core/index.ts";
import type { Entry } from "./entry.ts";
import type { LoadJob } from "./load-job.ts";
import type { CachedModel, CacheStats, LoadingModel } from "./types.ts";

/** What is counted from the start of a cache. */
export interface Tally {
  hits: number;
  misses: number;
  evictions: number;
  churn: number;
  crashes: number;
  totalLoads: number;
  failedLoads: number;
}

export const NOTHING_YET: Readonly<Tally> = {
  hits: 0,
  misses: 0,
  evictions: 0,
  churn: 0,
  crashes: 0,
  totalLoads: 0,
  failedLoads: 0,
};

export function tallyView(
  { hits, misses, evictions, churn, crashes, totalLoads, failedLoads }: Readonly<Tally>,
): Pick<
  CacheStats,
  | "hits"
  | "misses"
  | "hit_rate"
  | "miss_rate"
  | "evictions"
  | "churn"
  | "crashes"
  | "total_loads"
  | "failed_loads"
> {
  const asked = Math.max(1, hits + misses);
  return {
    hits,
    misses,
    hit_rate: hits / asked,
    miss_rate: misses / asked,
    evictions,
    churn,
    crashes,
    total_loads: totalLoads,
    failed_loads: failedLoads,
  };
}

export function cachedModel(entry: Entry<unknown>, clock: Clock): CachedModel {
  const { key, bytes, measured, uses, leases, pinned, state, usedAtMs, reloadError } = entry;
  const unusedMs = leases > 0 ? 0 : clock.monotonicMs() - usedAtMs;
  return {
    ...key,
    bytes,
    estimated_bytes: measured.estimatedBytes,
    load_ms: measured.loadMs,
    uses,
    leases,
    pinned,
    state,
    loaded_at: measured.loadedAtS,
    last_used_at: clock.nowS() - unusedMs / 1000,
    ...(reloadError === undefined ? {} : { reload_error: reloadError.toRecord() }),
  };
}

export function loadingModel<M>(job: LoadJob<M>, clock: Clock): LoadingModel {
  return {
    ...job.key,
    state: job.state,
    estimated_bytes: job.estimatedBytes,
    waiters: job.waiters.size,
    elapsed_ms: clock.monotonicMs() - job.sinceMs,
  };
}
