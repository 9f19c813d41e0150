import {
  byLastUse,
  type Candidate,
  type EvictionPolicy,
  orderBy,
  type PolicyContext,
  secondsBetween,
} from "./policy.ts";

/**
 * A model goes when its time since the load is over, used or not. Whoever makes room before takes what is over its time, oldest
 * first, and then what was not used for the longest time.
 */
export function createTtl({ ttlMs }: PolicyContext): EvictionPolicy {
  const leftMs = (loadedAtMs: number, nowMs: number) => loadedAtMs + ttlMs() - nowMs;
  return {
    ...orderBy(byLastUse, ({ loadedAtMs }, nowMs) => {
      const left = leftMs(loadedAtMs, nowMs);
      return left > 0
        ? `${secondsBetween(0, left)} of its time left`
        : `${secondsBetween(left, 0)} over its time`;
    }),
    order(candidates, nowMs) {
      const isOver = ({ loadedAtMs }: Candidate) => leftMs(loadedAtMs, nowMs) <= 0;
      const over = candidates.filter(isOver).sort((a, b) => a.loadOrder - b.loadOrder);
      return [...over, ...candidates.filter((candidate) => !isOver(candidate)).sort(byLastUse)];
    },
    isExpired: ({ loadedAtMs }, nowMs) => leftMs(loadedAtMs, nowMs) <= 0,
  };
}
