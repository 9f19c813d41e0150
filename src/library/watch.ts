import { type Clock, LarderError, onAbort } from "../core/index.ts";

/** Fastest pace at which a watcher is told of changes. */
const PACE_MS = 200;

/**
 * What a thing looks like now and after each change, for as long as it is not final. A watcher that does not read costs nothing:
 * it gets the newest view when it asks again.
 */
export class Changes {
  #next = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();

  notify(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  }

  /** The last change: watchers learn of it at once, whatever the pace. */
  end(): void {
    this.#ended.resolve();
    this.notify();
  }

  async *watch<T>(
    view: () => T,
    isFinal: (view: T) => boolean,
    clock: Clock,
    signal?: AbortSignal,
  ): AsyncGenerator<T> {
    const stopped = Promise.withResolvers<never>();
    stopped.promise.catch(() => {});
    const forget = signal ? onAbort(signal, () => stopped.reject(left())) : () => {};
    try {
      for (;;) {
        const next = this.#next.promise;
        const current = view();
        yield current;
        if (isFinal(current)) return;
        await Promise.race([next, stopped.promise]);
        await this.#pace(clock, stopped.promise);
      }
    } catch (error) {
      if (!(error instanceof LarderError) || error.code !== "CANCELLED") throw error;
    } finally {
      forget();
    }
  }

  async #pace(clock: Clock, stopped: Promise<never>): Promise<void> {
    const over = new AbortController();
    try {
      await Promise.race([this.#ended.promise, clock.sleep(PACE_MS, over.signal), stopped]);
    } finally {
      over.abort();
    }
  }
}

function left(): LarderError {
  return new LarderError("CANCELLED", "Cannot go on watching: the watcher left");
}
