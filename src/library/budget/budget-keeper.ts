import { type Clock, type Events, isLarderError, logger } from "../../core/index.ts";
import type { DiskBudget } from "./disk-budget.ts";
import type { Arrival } from "./keeping.ts";

/** How often the disk is looked at: others write to it too. */
const LOOK_MS = 60_000;

const log = logger("budget");

/** Has the disk budget kept: after every version that comes, and again and again once it is started. */
export class BudgetKeeper {
  readonly #stopping = new AbortController();
  readonly #unsubscribe: () => void;
  #arrived: Arrival[] = [];
  #running: Promise<void> = Promise.resolve();

  constructor(
    private readonly budget: Pick<DiskBudget, "enforce" | "isOn">,
    private readonly deps: { readonly events: Events; readonly clock: Clock },
  ) {
    this.#unsubscribe = deps.events.subscribe((event) => {
      if (event.type === "version") this.#noteArrival(event);
    });
  }

  /**
   * Looks now and every minute, until {@link close}.
   *
   * @param before What is to be done first, once.
   */
  start(before: () => Promise<void>): void {
    this.#running = this.#running.then(() => this.#try(before));
    void this.#lookAgainAndAgain();
  }

  /** Looks once more when what runs has ended. */
  lookSoon(arrived: readonly Arrival[] = []): Promise<void> {
    this.#running = this.#running.then(() => this.#look(arrived));
    return this.#running;
  }

  /** Resolves when nobody is being evicted for it any more. */
  async close(): Promise<void> {
    this.#unsubscribe();
    this.#stopping.abort();
    await this.#running;
  }

  /** Those that come while one look waits for its turn share the next. */
  #noteArrival({ model, version }: Arrival): void {
    if (!this.budget.isOn) return;
    this.#arrived.push({ model, version });
    if (this.#arrived.length > 1) return;
    this.#running = this.#running.then(() => {
      const arrived = this.#arrived;
      this.#arrived = [];
      return this.#look(arrived);
    });
  }

  async #lookAgainAndAgain(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.lookSoon();
      await this.deps.clock.sleep(LOOK_MS, signal).catch(() => {}); // ends with the signal
    }
  }

  #look(arrived: readonly Arrival[]): Promise<void> {
    return this.#try(() => this.budget.enforce({ arrived }));
  }

  async #try(work: () => Promise<unknown>): Promise<void> {
    try {
      if (!this.#stopping.signal.aborted) await work();
    } catch (error) {
      // The next look tries again; what could not leave is safe where it is.
      log.warn("Cannot keep the disk budget: {error}", {
        error: isLarderError(error) ? error.message : String(error),
      });
    }
  }
}
