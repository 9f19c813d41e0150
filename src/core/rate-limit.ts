import type { Clock } from "./clock.ts";

/** How much may be taken at once after a pause, as time at the full rate. */
const BURST_MS = 100;
/** Longest nap, so that a raised limit is felt at once. */
const NAP_MS = 250;

/** Bytes per second over everything that shares it; the rate may change while it is in use. */
export class RateLimit {
  #bytesPerS: number;
  /** When all that was taken so far is paid for. */
  #paidAtMs = 0;
  #changes = 0;

  constructor(bytesPerS: number, private readonly clock: Clock) {
    this.#bytesPerS = bytesPerS;
  }

  /** 0 means unlimited. Who waits at the old rate is let go. */
  setRate(bytesPerS: number): void {
    this.#bytesPerS = bytesPerS;
    this.#paidAtMs = 0;
    this.#changes++;
  }

  get unlimited(): boolean {
    return this.#bytesPerS === 0;
  }

  /** Resolves when these bytes, already read, are paid for: first come, first served. Rejects with the signal's reason. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.unlimited) return;
    const costMs = bytes / this.#bytesPerS * 1000;
    const dueMs = Math.max(this.#paidAtMs, this.clock.monotonicMs() - BURST_MS) + costMs;
    this.#paidAtMs = dueMs;
    const changes = this.#changes;
    for (
      let leftMs = this.#leftMs(dueMs);
      leftMs > 0 && changes === this.#changes;
      leftMs = this.#leftMs(dueMs)
    ) {
      await this.clock.sleep(Math.min(leftMs, NAP_MS), signal);
    }
  }

  #leftMs(dueMs: number): number {
    return dueMs - this.clock.monotonicMs();
  }
}
