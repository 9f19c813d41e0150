import { type Clock, LarderError } from "../core/index.ts";
import type { TransferTuning } from "./types.ts";

const CHECK_MS_MAX = 1000;

/** Ends a connection that gives nothing for too long (a stall), or too little (a crawl). Stop it in every case. */
export class Watchdog {
  readonly #bitten = new AbortController();
  readonly #stopped = new AbortController();
  #lastByteMs: number;
  #windowStartMs: number;
  #windowBytes = 0;
  #isPaused = false;

  constructor(private readonly tuning: TransferTuning, private readonly clock: Clock) {
    this.#lastByteMs = this.#windowStartMs = clock.monotonicMs();
    // Ends with `stop`, which is what the sleep rejects for.
    this.#watch().catch(() => {});
  }

  /** Aborts with an UPSTREAM_TIMEOUT error. */
  get signal(): AbortSignal {
    return this.#bitten.signal;
  }

  feed(bytes: number): void {
    this.#lastByteMs = this.clock.monotonicMs();
    this.#windowBytes += bytes;
  }

  /** While we hold back ourselves, silence is not the server's fault. */
  async whilePaused<T>(work: Promise<T>): Promise<T> {
    const startMs = this.clock.monotonicMs();
    this.#isPaused = true;
    try {
      return await work;
    } finally {
      this.#isPaused = false;
      this.#lastByteMs = this.clock.monotonicMs();
      this.#windowStartMs += this.#lastByteMs - startMs;
    }
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #watch(): Promise<void> {
    const everyMs = Math.min(CHECK_MS_MAX, this.tuning.stallMs / 4, this.tuning.crawlMs / 4);
    while (!this.#stopped.signal.aborted) {
      await this.clock.sleep(everyMs, this.#stopped.signal);
      if (!this.#isPaused) this.#check(this.clock.monotonicMs());
    }
  }

  #check(nowMs: number): void {
    const { stallMs, crawlMs, crawlBytesPerS } = this.tuning;
    if (nowMs - this.#lastByteMs >= stallMs) {
      return this.#bite(`nothing came for ${stallMs / 1000} s`, "stall");
    }
    const windowMs = nowMs - this.#windowStartMs;
    if (windowMs < crawlMs) return;
    if (this.#windowBytes < crawlBytesPerS * windowMs / 1000) {
      return this.#bite(`less than ${crawlBytesPerS} bytes/s came for ${crawlMs / 1000} s`, "crawl");
    }
    this.#windowStartMs = nowMs;
    this.#windowBytes = 0;
  }

  #bite(what: string, reason: "stall" | "crawl"): void {
    this.stop();
    this.#bitten.abort(
      new LarderError("UPSTREAM_TIMEOUT", `Cannot go on with this connection: ${what}`, {
        retryable: true,
        hint: "Try again later, or name a mirror.",
        details: { reason },
      }),
    );
  }
}
