/** Work between two pauses: short enough that nobody notices it. */
const WORK_MS = 2;

/** Lets the event loop come round during long work. */
export class Pauses {
  #since = performance.now();

  get isDue(): boolean {
    return performance.now() - this.#since > WORK_MS;
  }

  async take(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#since = performance.now();
  }
}
