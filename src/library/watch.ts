import { type Clock, LarderError, onAbort } from "../core/index.ts";

/** Fastest pace at which a watcher is told of changes. */
const PACE_MS = 200;

/**
 * What a thing looks like now and after each change, for as long as it is not final. A watcher that does not read costs nothing:
 * it gets the newest view when it asks again.
 */
export class Changes {
  #next = Promise.withResolvers<void>();

  notify(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers();
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
        // A final view is not held back by the pace.
        if (!isFinal(view())) await Promise.race([clock.sleep(PACE_MS), stopped.promise]);
      }
    } catch (error) {
      if (!(error instanceof LarderError) || error.code !== "CANCELLED") throw error;
    } finally {
      forget();
    }
  }
}

function left(): LarderError {
  return new LarderError("CANCELLED", "Cannot go on watching: the watcher left");
}
