/** As often as the server's own metric samples. */
const EVERY_MS = 5;

/** How late a timer comes in this thread, in milliseconds. */
export class LoopRecorder {
  #lateMs: number[] = [];
  #lastMs = performance.now();

  constructor() {
    setInterval(() => {
      const nowMs = performance.now();
      this.#lateMs.push(Math.max(0, nowMs - this.#lastMs - EVERY_MS));
      this.#lastMs = nowMs;
    }, EVERY_MS);
  }

  /** What came since the last call. */
  take(): number[] {
    const taken = this.#lateMs;
    this.#lateMs = [];
    return taken;
  }
}
