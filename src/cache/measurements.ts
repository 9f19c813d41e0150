import { LRUCache } from "lru-cache";
import type { LoadTimes } from "./types.ts";

const REMEMBERED_MAX = 10_000;
/** What a load is expected to take before the first one was measured. */
const LOAD_MS_GUESS = 1000;

interface Measured {
  readonly bytes: number;
  readonly loadMs: number;
}

/** What loads turned out to need, for the next time. */
export class Measurements {
  readonly #byId = new LRUCache<string, Measured>({ max: REMEMBERED_MAX });
  #times: LoadTimes = { count: 0, min: 0, mean: 0, max: 0, last: 0 };

  get times(): LoadTimes {
    return this.#times;
  }

  add(id: string, { bytes, loadMs }: Measured): void {
    const { count, min, mean, max } = this.#times;
    this.#byId.set(id, { bytes, loadMs });
    this.#times = {
      count: count + 1,
      min: count === 0 ? loadMs : Math.min(min, loadMs),
      mean: mean + (loadMs - mean) / (count + 1),
      max: Math.max(max, loadMs),
      last: loadMs,
    };
  }

  bytesOf(id: string): number | undefined {
    return this.#byId.get(id)?.bytes;
  }

  expectedLoadMs(id: string): number {
    return this.#byId.get(id)?.loadMs ?? (this.#times.count > 0 ? this.#times.mean : LOAD_MS_GUESS);
  }

  forget(id?: string): void {
    if (id === undefined) this.#byId.clear();
    else this.#byId.delete(id);
  }
}
