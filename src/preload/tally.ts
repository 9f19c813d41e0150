import type { PreloadStats } from "./types.ts";

/** What is kept across restarts. */
export interface Counts {
  readonly successful: number;
  readonly failed: number;
  readonly skipped: number;
  readonly timeMs: number;
}

const NOTHING: Counts = { successful: 0, failed: 0, skipped: 0, timeMs: 0 };

/** Counts what became of preloads. */
export class Tally {
  #counts: Counts;

  /** @param kept What an earlier process counted. */
  constructor(kept: Partial<Counts> | undefined, private readonly onChange: (counts: Counts) => void) {
    this.#counts = { ...NOTHING, ...kept };
  }

  loaded(ms: number): void {
    const { successful, timeMs } = this.#counts;
    this.#change({ successful: successful + 1, timeMs: timeMs + ms });
  }

  failed(): void {
    this.#change({ failed: this.#counts.failed + 1 });
  }

  skipped(): void {
    this.#change({ skipped: this.#counts.skipped + 1 });
  }

  view(): PreloadStats {
    const { successful, failed, skipped, timeMs } = this.#counts;
    const total = successful + failed;
    return {
      total_preloaded: total,
      successful,
      failed,
      skipped,
      total_time_ms: timeMs,
      success_rate: successful / Math.max(1, total),
      avg_time_ms: timeMs / Math.max(1, successful),
    };
  }

  #change(changes: Partial<Counts>): void {
    this.#counts = { ...this.#counts, ...changes };
    this.onChange(this.#counts);
  }
}
