import { type Clock, onAbort } from "../core/index.ts";
import type { Lease, WaitOptions } from "./types.ts";

/** The longest time that a timer can be set for. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export interface WaitersDeps {
  readonly clock: Clock;
  /** What a caller is told whose time is over. */
  readonly late: () => Error;
  /** The last one left without an answer. */
  readonly onDeserted: (why: "aborted" | "late") => void;
}

interface Waiter<M> extends PromiseWithResolvers<Lease<M>> {
  readonly isPreload: boolean;
}

/** Callers that wait for one load. Each may leave by itself; the load is nobody's. */
export class Waiters<M> {
  readonly #waiting = new Set<Waiter<M>>();

  constructor(private readonly deps: WaitersDeps) {}

  get size(): number {
    return this.#waiting.size;
  }

  /** Those that need the model. */
  get needing(): number {
    return this.#waiting.values().reduce((count, { isPreload }) => isPreload ? count : count + 1, 0);
  }

  async wait({ signal, deadlineMs = Infinity, isPreload = false }: WaitOptions): Promise<Lease<M>> {
    const waiter: Waiter<M> = { ...Promise.withResolvers<Lease<M>>(), isPreload };
    this.#waiting.add(waiter);
    const answered = new AbortController();
    const leave = (why: "aborted" | "late", error: unknown) => {
      if (!this.#waiting.delete(waiter)) return;
      waiter.reject(error);
      if (this.#waiting.size === 0) this.deps.onDeserted(why);
    };
    const forget = signal && onAbort(signal, (reason) => leave("aborted", reason));
    if (deadlineMs <= TIMER_MS_MAX) {
      this.deps.clock.sleep(deadlineMs, answered.signal)
        .then(() => leave("late", this.deps.late()), () => {/* answered in time */});
    }
    try {
      return await waiter.promise;
    } finally {
      forget?.();
      answered.abort();
    }
  }

  /** Gives each of them a lease of its own. */
  grant(lease: (isPreload: boolean) => Lease<M>): void {
    for (const waiter of this.#takeAll()) waiter.resolve(lease(waiter.isPreload));
  }

  refuse(error: unknown): void {
    for (const waiter of this.#takeAll()) waiter.reject(error);
  }

  #takeAll(): Waiter<M>[] {
    const all = [...this.#waiting];
    this.#waiting.clear();
    return all;
  }
}
