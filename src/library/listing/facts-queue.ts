import { type Clock, logger } from "../../core/index.ts";
import type { Description, HeaderFacts } from "./description.ts";

/** Models whose headers are read at once. */
const AT_ONCE = 4;
const log = logger("listing");

export interface FactsQueueDeps {
  readonly read: (description: Description) => Promise<HeaderFacts | null>;
  readonly onFacts: (description: Description, facts: HeaderFacts | null) => void;
  readonly clock: Clock;
}

/** Reads the headers of models that are listed without what they tell. Nothing is read before somebody asks for it. */
export class FactsQueue {
  readonly #deps: FactsQueueDeps;
  readonly #waiting = new Map<string, Description>();
  #running: { readonly done: Promise<void>; readonly startMs: number } | undefined;
  #isClosed = false;

  constructor(deps: FactsQueueDeps) {
    this.#deps = deps;
  }

  /** All is read. */
  get isSettled(): boolean {
    return this.#waiting.size === 0 && this.#running === undefined;
  }

  add(description: Description): void {
    this.#waiting.set(description.model, description);
  }

  /** Reads all that wait. Resolves when that is done, or when it has taken so long already: it then goes on without the caller. */
  async settle(withinMs: number): Promise<void> {
    if (this.isSettled) return;
    const { clock } = this.#deps;
    this.#running ??= { done: this.#readAll(), startMs: clock.monotonicMs() };
    const { done, startMs } = this.#running;
    const leftMs = withinMs - (clock.monotonicMs() - startMs);
    if (leftMs <= 0) return;
    const over = new AbortController();
    const late = clock.sleep(leftMs, over.signal).catch(() => {});
    await Promise.race([done, late]);
    over.abort();
  }

  /** Reads nothing more; what is being read ends. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#waiting.clear();
    await this.#running?.done;
  }

  async #readAll(): Promise<void> {
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.#readOneByOne()));
    this.#running = undefined;
  }

  async #readOneByOne(): Promise<void> {
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined) return;
      const [model, description] = next;
      this.#waiting.delete(model);
      try {
        const facts = await this.#deps.read(description);
        if (!this.#isClosed) this.#deps.onFacts(description, facts);
      } catch (error) {
        // A bug in a reader of headers must not take the list away.
        log.error("Cannot read the headers of {model}: {error}", { model, error: String(error) });
      }
    }
  }
}
