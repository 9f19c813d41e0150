import { type Clock, logger, Semaphore } from "../core/index.ts";
import type { PreloadSupport } from "../library/index.ts";
import { type Outcome, type PreloadModels, preloadOne, type SkipKind } from "./attempt.ts";
import type { PreloadQueue } from "./preload-queue.ts";
import type { Candidate, Ranked } from "./strategies/index.ts";
import type { Tally } from "./tally.ts";
import type { PreloadConfig, PreloadResult } from "./types.ts";

/** Between two looks whether requests still wait. */
const YIELD_MS = 50;
/** Nobody asked for it by name, so nobody waits until it can be loaded after all. */
const GIVEN_UP: ReadonlySet<SkipKind> = new Set<SkipKind>(["absent", "room", "aside"]);
const log = logger("preload");

export interface PassesDeps {
  readonly models: PreloadModels;
  readonly support: Pick<PreloadSupport, "pressure">;
  readonly queue: PreloadQueue;
  readonly ranked: () => readonly Ranked[];
  readonly noteFollowed: (reference: string) => void;
  readonly tally: Tally;
  readonly config: () => PreloadConfig;
  readonly clock: Clock;
}

/** Goes through what is to be loaded, batch by batch, and stands back while requests wait. */
export class Passes {
  /** Those that load are not to load against each other. */
  readonly #turn = new Semaphore(1);
  readonly #loading = new Set<string>();
  #isYielding = false;

  constructor(private readonly deps: PassesDeps) {}

  get loading(): ReadonlySet<string> {
    return this.#loading;
  }

  get isYielding(): boolean {
    return this.#isYielding;
  }

  /**
   * Tries each of those once, the best of what is there at the time first.
   *
   * @throws The signal's reason; {LarderError} when the queue cannot be written.
   */
  run(isWanted: (candidate: Candidate) => boolean, signal: AbortSignal): Promise<PreloadResult[]> {
    return this.#turn.run(() => this.#pass(isWanted, signal), signal);
  }

  async #pass(isWanted: (candidate: Candidate) => boolean, signal: AbortSignal): Promise<PreloadResult[]> {
    const { queue, ranked, config, clock } = this.deps;
    const results: PreloadResult[] = [];
    const tried = new Set<string>();
    const written: Promise<void>[] = [];
    let [order, changes] = [ranked(), queue.changes];
    for (;;) {
      await this.#untilQuiet(signal);
      if (queue.changes !== changes) [order, changes] = [ranked(), queue.changes];
      const batch = order.filter((one) => isWanted(one) && !tried.has(one.reference))
        .slice(0, config().batch_size);
      if (batch.length === 0) break;
      for (const { reference } of batch) tried.add(reference);
      const ended = await Promise.all(batch.map((one) => this.#try(one, written, signal)));
      results.push(...ended);
      if (hasPause(batch, ended)) await clock.sleep(config().delay_ms, signal);
    }
    await Promise.all(written);
    return results;
  }

  async #untilQuiet(signal: AbortSignal): Promise<void> {
    const { support, clock } = this.deps;
    try {
      for (;;) {
        const { memory, processor } = support.pressure();
        if (memory + processor === 0) return;
        this.#isYielding = true;
        await clock.sleep(YIELD_MS, signal);
      }
    } finally {
      this.#isYielding = false;
    }
  }

  /** @param written Is given what the next load need not wait for: what a kill leaves in the queue is found loaded or loaded again. */
  async #try(candidate: Ranked, written: Promise<void>[], signal: AbortSignal): Promise<PreloadResult> {
    const { models, clock } = this.deps;
    const { reference } = candidate;
    this.#loading.add(reference);
    try {
      const outcome = await preloadOne({ models, nowMs: () => clock.monotonicMs() }, candidate, signal);
      const settled = this.#settle(candidate, outcome);
      settled.catch(() => {/* the end of the pass tells */});
      written.push(settled);
      return {
        reference,
        outcome: outcome.kind,
        reason: outcome.kind === "loaded" ? null : outcome.reason,
        load_ms: outcome.kind === "loaded" ? outcome.loadMs : null,
      };
    } finally {
      this.#loading.delete(reference);
    }
  }

  /** What was loaded or failed leaves the queue. What was skipped stays, unless nobody asked for it by name. */
  async #settle(candidate: Candidate, outcome: Outcome): Promise<void> {
    const { queue, tally } = this.deps;
    const { reference, origin } = candidate;
    switch (outcome.kind) {
      case "loaded":
        tally.loaded(outcome.loadMs);
        return await this.#finish(candidate);
      case "failed":
        tally.failed();
        log.warn("Cannot preload {reference}: {reason}", { reference, reason: outcome.reason });
        return await this.#finish(candidate);
      case "skipped":
        if (queue.noteSkip(reference, outcome)) tally.skipped();
        if (outcome.why === "loaded" || (origin === "restart" && GIVEN_UP.has(outcome.why))) {
          await this.#finish(candidate);
        }
    }
  }

  async #finish({ reference, origin }: Candidate): Promise<void> {
    if (origin === "pattern") this.deps.noteFollowed(reference);
    else await this.deps.queue.finish(reference);
  }
}

/** What was loaded before a restart is missed until it is there again: that goes as fast as requests let it. */
function hasPause(batch: readonly Candidate[], ended: readonly PreloadResult[]): boolean {
  return batch.some(({ origin }) => origin !== "restart") &&
    ended.some(({ outcome }) => outcome === "loaded");
}
