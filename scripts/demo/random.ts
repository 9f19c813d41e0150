/** Whole numbers from 0 to below `bound`, the same ones for the same seed on every machine (xorshift32, Marsaglia 2003). */
export type RandomBelow = (bound: number) => number;

/** @param seed A whole number from 1 to 2^32 - 1. */
export function seededRandom(seed: number): RandomBelow {
  let state = seed >>> 0;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor((state >>> 0) / 2 ** 32 * bound);
  };
}

/** A copy in an order that the random numbers decide. */
export function shuffled<T>(items: readonly T[], below: RandomBelow): T[] {
  const copy = [...items];
  for (let last = copy.length - 1; last > 0; last--) {
    const other = below(last + 1);
    [copy[last], copy[other]] = [copy[other]!, copy[last]!];
  }
  return copy;
}
