import type { Clock } from "../core/index.ts";

/** Time over which the shown rate forgets: short enough to follow a change, long enough to be readable. */
const MEMORY_S = 5;

/** A smoothed rate: bytes per second, each moment counting less the older it is. */
export class Rate {
  #lastMs: number;
  #lastBytes = 0;
  #bytesPerS = 0;
  #started = false;

  constructor(private readonly clock: Clock) {
    this.#lastMs = clock.monotonicMs();
  }

  /** @param bytes All bytes so far. */
  update(bytes: number): void {
    const nowMs = this.clock.monotonicMs();
    const passedS = (nowMs - this.#lastMs) / 1000;
    if (passedS < 0.05) return;
    const current = Math.max(0, bytes - this.#lastBytes) / passedS;
    const keep = this.#started ? Math.exp(-passedS / MEMORY_S) : 0;
    this.#bytesPerS = this.#bytesPerS * keep + current * (1 - keep);
    this.#lastMs = nowMs;
    this.#lastBytes = bytes;
    this.#started = true;
  }

  get bytesPerS(): number {
    return this.#bytesPerS;
  }

  /** Seconds until `remainingBytes` are there at this rate; undefined while nothing moves. */
  etaS(remainingBytes: number): number | undefined {
    return this.#bytesPerS > 0 ? remainingBytes / this.#bytesPerS : undefined;
  }
}
