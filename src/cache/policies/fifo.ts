import { type EvictionPolicy, orderBy, secondsBetween } from "./policy.ts";

/** The one goes that was loaded first, however often it is used. */
export function createFifo(): EvictionPolicy {
  return orderBy(
    (a, b) => a.loadOrder - b.loadOrder,
    (candidate, nowMs) => `loaded ${secondsBetween(candidate.loadedAtMs, nowMs)} ago`,
  );
}
