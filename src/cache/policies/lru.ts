import { byLastUse, type EvictionPolicy, orderBy, secondsBetween } from "./policy.ts";

/** The one goes that was not used for the longest time. */
export function createLru(): EvictionPolicy {
  return orderBy(byLastUse, ({ usedAtMs }, nowMs) => `not used for ${secondsBetween(usedAtMs, nowMs)}`);
}
