import { monitorEventLoopDelay } from "node:perf_hooks";

/** Pauses that are shorter may go unseen; a timer this often costs well below 1 % of a core. */
const RESOLUTION_MS = 5;
/** Whoever scrapes does so more often; without anybody who looks, an idle process should not wake up for this. */
const UNWATCHED_MS = 2 * 60_000;
const NANOSECONDS_PER_S = 1e9;

/** Quantiles of {@link LoopPauses.take}. */
export const PAUSE_QUANTILES = [0.5, 0.99, 1] as const;

/** How late the event loop runs what is due: the time that one request makes another one wait. */
export class LoopPauses {
  readonly #delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #unwatched: Timer | undefined;

  /** Seconds by quantile since the last call; zeros at the first one, which starts the measuring. */
  take(): ReadonlyMap<number, number> {
    const seconds = this.#delays.count === 0
      ? () => 0
      : (part: number) => this.#delays.percentile(part * 100) / NANOSECONDS_PER_S;
    const taken = new Map(PAUSE_QUANTILES.map((part) => [part, seconds(part)]));
    this.#delays.reset();
    this.#measureOn();
    return taken;
  }

  #measureOn(): void {
    clearTimeout(this.#unwatched);
    this.#delays.enable();
    this.#unwatched = setTimeout(() => this.#delays.disable(), UNWATCHED_MS);
    this.#unwatched.unref();
  }
}
