import type { Clock } from "../core/index.ts";

/** How much may be taken at once after a pause, as time at the full rate. */
const BURST_S = 0.1;

/** Bytes per second over everything that shares it; the rate may change while it is in use. */
export class RateLimit {
  #bytesPerS: number;
  #freeAtMs = 0;

  constructor(bytesPerS: number, private readonly clock: Clock) {
    this.#bytesPerS = bytesPerS;
  }

  get unlimited(): boolean {
    return this.#bytesPerS === 0;
  }

  setRate(bytesPerS: number): void {
    this.#bytesPerS = bytesPerS;
    this.#freeAtMs = 0;
  }

  /** Resolves when these bytes, already read, are paid for. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.unlimited) return;
    const nowMs = this.clock.monotonicMs();
    const costMs = bytes / this.#bytesPerS * 1000;
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs - BURST_S * 1000) + costMs;
    // Short naps, so that a raised limit is felt at once.
    while (!this.unlimited && this.#freeAtMs > this.clock.monotonicMs()) {
      await this.clock.sleep(Math.min(this.#freeAtMs - this.clock.monotonicMs(), 250), signal);
    }
  }
}
