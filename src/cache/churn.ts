import { LRUCache } from "lru-cache";

const REMEMBERED_MAX = 1000;

/** Remembers what was evicted, to see what is asked for again soon after. */
export class Churn {
  readonly #evictedAtMs = new LRUCache<string, number>({ max: REMEMBERED_MAX });

  evicted(id: string, nowMs: number): void {
    this.#evictedAtMs.set(id, nowMs);
  }

  /** @returns Seconds since its eviction, when that was within the window. */
  missed(id: string, nowMs: number, windowS: number): number | undefined {
    const evictedAtMs = this.#evictedAtMs.get(id);
    this.#evictedAtMs.delete(id);
    if (evictedAtMs === undefined) return undefined;
    const afterS = (nowMs - evictedAtMs) / 1000;
    return afterS <= windowS ? afterS : undefined;
  }
}
