import { logger } from "../../core/index.ts";
import type { Description, HeaderFacts } from "./description.ts";

/** Models whose headers are read at once. */
const AT_ONCE = 4;
const log = logger("listing");

export interface FactsQueueDeps {
  readonly read: (description: Description) => Promise<HeaderFacts | null>;
  readonly onFacts: (description: Description, facts: HeaderFacts | null) => void;
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

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  add(description: Description): void {
    this.#waiting.set(description.model, description);
  }

  /** Reads all that wait. Resolves when that is done, or when it has taken so long already: it then goes on without the caller. */
  async settle(withinMs: number): Promise<void> {
    if (this.isEmpty && this.#running === undefined) return;
    this.#running ??= { done: this.#readAll(), startMs: performance.now() };
    const { done, startMs } = this.#running;
    const leftMs = withinMs - (performance.now() - startMs);
    if (leftMs <= 0) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, leftMs);
    await Promise.race([done, late]);
    clearTimeout(timer);
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
