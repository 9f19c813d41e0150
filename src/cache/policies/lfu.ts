import { byLastUse, type EvictionPolicy, orderBy } from "./policy.ts";

/** The one goes that was used least often since it was loaded; of several, the one not used for the longest time. */
export function createLfu(): EvictionPolicy {
  return orderBy(
    (a, b) => a.uses - b.uses || byLastUse(a, b),
    (candidate) => `used ${candidate.uses} times since it was loaded`,
  );
}
