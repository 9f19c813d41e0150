import type { Clock } from "../core/index.ts";

/** How often bounds are read and stale models are looked for. */
const LOOK_MS = 1000;

export interface LookoutDeps {
  readonly clock: Clock;
  readonly look: () => void;
  /** False when nothing is in memory or on its way: then nothing wakes the process up. */
  readonly isNeeded: () => boolean;
}

/** Looks every second while there is something to look at. */
export class Lookout {
  readonly #stop = new AbortController();
  #isLooking = false;

  constructor(private readonly deps: LookoutDeps) {}

  wake(): void {
    if (!this.#isLooking && !this.#stop.signal.aborted) void this.#keepLooking();
  }

  close(): void {
    this.#stop.abort();
  }

  async #keepLooking(): Promise<void> {
    const { clock, look, isNeeded } = this.deps;
    this.#isLooking = true;
    try {
      do {
        await clock.sleep(LOOK_MS, this.#stop.signal);
        look();
      } while (isNeeded());
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    } finally {
      this.#isLooking = false;
    }
  }
}
