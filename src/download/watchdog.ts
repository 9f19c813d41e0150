import { type Clock, LarderError } from "../core/index.ts";
import type { TransferTuning } from "./types.ts";

/** Ends a connection that gives nothing for too long (a stall), or too little (a crawl). */
export class Watchdog {
  readonly #controller = new AbortController();
  readonly #timer: ReturnType<typeof setInterval>;
  #lastByteMs: number;
  #windowStartMs: number;
  #windowBytes = 0;
  #paused = false;

  constructor(
    private readonly tuning: TransferTuning,
    private readonly clock: Clock,
    private readonly crawlCounts: () => boolean,
  ) {
    this.#lastByteMs = this.#windowStartMs = clock.monotonicMs();
    this.#timer = setInterval(() => this.#check(), Math.min(1000, tuning.stallMs / 4, tuning.crawlMs / 4));
  }

  /** Aborts with an UPSTREAM_TIMEOUT error. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  feed(bytes: number): void {
    this.#lastByteMs = this.clock.monotonicMs();
    this.#windowBytes += bytes;
  }

  /** While we hold back ourselves, silence is not the server's fault. */
  async whilePaused<T>(work: Promise<T>): Promise<T> {
    this.#paused = true;
    try {
      return await work;
    } finally {
      this.#paused = false;
      this.#lastByteMs = this.clock.monotonicMs();
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    if (this.#paused) return;
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.#lastByteMs >= this.tuning.stallMs) {
      this.#end(`nothing came for ${this.tuning.stallMs / 1000} s`, "stall");
    }
    if (nowMs - this.#windowStartMs < this.tuning.crawlMs) return;
    const enough = this.tuning.crawlBytesPerS * (nowMs - this.#windowStartMs) / 1000;
    if (this.crawlCounts() && this.#windowBytes < enough) {
      this.#end(
        `less than ${this.tuning.crawlBytesPerS} bytes/s came for ${this.tuning.crawlMs / 1000} s`,
        "crawl",
      );
    }
    this.#windowStartMs = nowMs;
    this.#windowBytes = 0;
  }

  #end(what: string, reason: "stall" | "crawl"): void {
    this.stop();
    this.#controller.abort(
      new LarderError("UPSTREAM_TIMEOUT", `Cannot go on with this connection: ${what}`, {
        retryable: true,
        hint: "Try again later, or name a mirror.",
        details: { reason },
      }),
    );
  }
}
