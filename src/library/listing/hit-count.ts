/** How often a cache had what was asked for. */
export class HitCount {
  hits = 0;
  misses = 0;

  view(): { readonly hits: number; readonly misses: number; readonly hit_rate: number } {
    const { hits, misses } = this;
    return { hits, misses, hit_rate: hits === 0 ? 0 : hits / (hits + misses) };
  }
}
