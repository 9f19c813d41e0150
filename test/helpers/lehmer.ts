/** Numbers in [0, 1), the same for the same seed. @see Park and Miller, CACM 31 (1988), 1192–1201. */
export function lehmer(seed: number): () => number {
  let state = (seed % 2147483646) + 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return (state - 1) / 2147483646;
  };
}
