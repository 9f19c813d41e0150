import { type Clock, formatModelRef, isLarderError, parseModelRef } from "../core/index.ts";
import type { FoundVariant, ModelTarget, PreloadSupport, UseHistory } from "../library/index.ts";
import { type Candidate, likely, type Ranked, STRATEGY, type StrategyName } from "./strategies/index.ts";

/** So long, what is known of the use of models is new enough: it grows slowly, and is read as a whole. */
const HISTORY_MS = 60_000;
const HOUR_S = 3600;

export interface CandidatesDeps {
  readonly support: PreloadSupport;
  readonly isLoaded: (found: FoundVariant) => boolean;
  readonly clock: Clock;
}

/** Who might be preloaded next: the queue, and with the strategy `pattern` whoever is likely to be used soon. */
export class Candidates {
  #history: ReturnType<PreloadSupport["history"]> = { hours: [], follows: [] };
  #historyAtMs = -Infinity;
  /** Suggestions that were followed, and in which hour: one that nobody used is not followed again at once. */
  readonly #followed = new Map<string, number>();

  constructor(private readonly deps: CandidatesDeps) {}

  /** The first to be loaded first. */
  ranked(strategy: StrategyName): readonly Ranked[] {
    const { support, clock } = this.deps;
    const queued = support.listQueue().map((row) => this.#withFound(row));
    const isLearning = strategy === "pattern";
    const history = isLearning ? this.#historyNow() : { hours: [], follows: [] };
    const suggested = isLearning ? this.#suggested(queued, history) : [];
    return STRATEGY[strategy]([...queued, ...suggested], history, clock.nowS());
  }

  noteFollowed(reference: string): void {
    this.#followed.set(reference, this.#hour());
  }

  #withFound(candidate: Candidate): Candidate {
    const found = this.#find(parseModelRef(candidate.reference));
    return found === undefined ? candidate : { ...candidate, found };
  }

  /** Those that are neither in memory nor in the queue. */
  #suggested(queued: readonly Candidate[], history: UseHistory): Candidate[] {
    const { isLoaded, clock } = this.deps;
    const isQueued = (found: FoundVariant) => queued.some((one) => one.found && isSame(one.found, found));
    return likely(history, clock.nowS()).flatMap(({ model, variant }): Candidate[] => {
      const reference = formatModelRef({ model, variant });
      if (this.#followed.get(reference) === this.#hour()) return [];
      const found = this.#find({ model, variant });
      if (found === undefined || isQueued(found) || isLoaded(found)) return [];
      return [{ reference, origin: "pattern", priority: 0, addedAtS: clock.nowS(), found }];
    });
  }

  #find(target: ModelTarget): FoundVariant | undefined {
    try {
      return this.deps.support.find(target);
    } catch (error) {
      if (isLarderError(error)) return undefined;
      throw error;
    }
  }

  /** What was used last is as it is now: it changes with every request. */
  #historyNow(): UseHistory {
    const nowMs = this.deps.clock.monotonicMs();
    if (nowMs - this.#historyAtMs >= HISTORY_MS) {
      this.#history = this.deps.support.history();
      this.#historyAtMs = nowMs;
    }
    const last = this.deps.support.lastUse();
    return { ...this.#history, ...(last === undefined ? {} : { last }) };
  }

  #hour(): number {
    return Math.floor(this.deps.clock.nowS() / HOUR_S);
  }
}

function isSame(a: FoundVariant, b: FoundVariant): boolean {
  return a.model === b.model && a.version === b.version && a.variant === b.variant;
}
