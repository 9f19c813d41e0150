import type { Clock } from "../../core/index.ts";

/** Wakes one who waits, or the next one who comes. */
export class Bell {
  #isRung = false;
  #wake: (() => void) | undefined;

  constructor(private readonly clock: Clock) {}

  ring(): void {
    this.#isRung = true;
    this.#wake?.();
  }

  /** Until it rings, the time is over or the signal aborts. @returns whether it rang */
  async wait(ms: number, signal: AbortSignal): Promise<boolean> {
    const over = new AbortController();
    if (!this.#isRung && !signal.aborted) {
      const rung = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const either = AbortSignal.any([over.signal, signal]);
      await Promise.race([rung, this.clock.sleep(ms, either).catch(() => {})]);
      over.abort();
    }
    const isRung = this.#isRung;
    this.#wake = undefined;
    this.#isRung = false;
    return isRung;
  }
}
