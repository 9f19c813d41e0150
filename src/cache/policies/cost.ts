import { byLastUse, type Candidate, type EvictionPolicy, orderBy } from "./policy.ts";

/**
 * The one goes whose absence would cost least: measured load time × uses ÷ bytes. Each use adds the value of the last victim, so
 * that what was popular long ago grows old beside what is used now.
 *
 * @see L. Cherkasova, "Improving WWW Proxies Performance with Greedy-Dual-Size-Frequency Caching Policy", HP Labs HPL-98-69R1, 1998
 */
export function createCost(): EvictionPolicy {
  let age = 0;
  const rate = (candidate: Candidate): void => {
    candidate.rank = age + worth(candidate);
  };
  return {
    ...orderBy(
      (a, b) => a.rank - b.rank || byLastUse(a, b),
      (candidate) =>
        `loaded in ${candidate.loadMs.toFixed(0)} ms, used ${candidate.uses} times, ${candidate.bytes} bytes`,
    ),
    added: rate,
    used: rate,
    removed(candidate, evicted) {
      if (evicted) age = Math.max(age, candidate.rank);
    },
  };
}

/** Milliseconds of loading that a byte saves. */
function worth({ loadMs, uses, bytes }: Candidate): number {
  return loadMs * Math.max(uses, 1) / Math.max(bytes, 1);
}
