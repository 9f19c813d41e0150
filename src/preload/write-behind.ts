import { type Clock, logger } from "../core/index.ts";

/** Between two tries while nothing can be written. */
const RETRY_MS_MAX = 60_000;
const log = logger("preload");

export interface WriteBehindOptions<T> {
  readonly write: (value: T) => Promise<void>;
  /** At most one write in so many milliseconds. */
  readonly everyMs: number;
  readonly clock: Clock;
}

/** Keeps the latest value on disk, a little later than in memory. Close it: that writes what is left. */
export class WriteBehind<T> {
  readonly #closing = new AbortController();
  #unwritten: { readonly value: T } | undefined;
  #writing: Promise<void> | undefined;

  constructor(private readonly options: WriteBehindOptions<T>) {}

  set(value: T): void {
    this.#unwritten = { value };
    this.#writing ??= this.#writeLater();
  }

  /** What cannot be written now is lost. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#writing;
  }

  async #writeLater(): Promise<void> {
    const { everyMs, clock } = this.options;
    const { signal } = this.#closing;
    for (let failures = 0; this.#unwritten !== undefined;) {
      await clock.sleep(Math.min(everyMs * 2 ** failures, RETRY_MS_MAX), signal).catch(() => {/* at once */});
      const { value } = this.#unwritten;
      try {
        this.#unwritten = undefined;
        await this.options.write(value);
        failures = 0;
      } catch (error) {
        if (failures++ === 0) log.warn("Cannot write down the state of preloading: {error}", { error });
        if (signal.aborted) break;
        // One that came meanwhile is newer.
        this.#unwritten ??= { value };
      }
    }
    this.#writing = undefined;
  }
}
