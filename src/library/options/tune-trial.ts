import type { CacheStats } from "../../cache/index.ts";
import { type Clock, isLarderError } from "../../core/index.ts";
import type { Acquired } from "../models/acquire.ts";
import type { Activity } from "../models/activity.ts";
import { labelOf, type ModelLoader } from "../models/model-loader.ts";
import type { OptionValues, TuneCandidate, TuneRequest } from "../options-types.ts";
import type { MakeCall } from "./tune-calls.ts";
import { measurePairs, type Pairs, waitForQuiet } from "./tune-pairs.ts";
import { CANDIDATES_MAX, type Measured } from "./tune-search.ts";

const RUNS_DEFAULT = 15;
const SECONDS_MAX_DEFAULT = 60;
/** Rounds of one setting have other numbers than those of the next. */
const ROUNDS = 10_000;

export interface TrialDeps {
  readonly loader: Pick<ModelLoader, "load">;
  readonly stats: () => Pick<CacheStats, "cached_models">;
  readonly activity: Activity;
  readonly clock: Clock;
}

export interface TrialOrder {
  readonly request: TuneRequest;
  readonly makeCall: MakeCall;
  readonly signal: AbortSignal;
}

/** The settings that are tried beside a model in use. */
export class Trial {
  readonly measured: TuneCandidate[] = [];
  readonly lease: Acquired["lease"];
  readonly #deps: TrialDeps;
  readonly #order: TrialOrder;
  readonly #startMs: number;
  readonly #totalMs: number;

  constructor(deps: TrialDeps, lease: Acquired["lease"], order: TrialOrder) {
    this.#deps = deps;
    this.lease = lease;
    this.#order = order;
    this.#startMs = deps.clock.monotonicMs();
    this.#totalMs = (order.request.seconds_max ?? SECONDS_MAX_DEFAULT) * 1000;
  }

  /** Also when the model was unloaded: it leaves the memory when nobody uses it any more, and this is a use. */
  get isOver(): boolean {
    const label = labelOf(this.lease.key);
    const isServed = this.#deps.stats().cached_models.some((one) => labelOf(one) === label);
    return !isServed || this.#deps.clock.monotonicMs() - this.#startMs >= this.#totalMs;
  }

  async measure(options: OptionValues, confirms: boolean): Promise<Measured | undefined> {
    const mark = confirms ? { confirms } as const : {};
    try {
      const pairs = await this.#pairs(options);
      this.measured.push({ ...viewOf(options, pairs), ...mark });
      return pairs && { ratio: pairs.ratio, faster: pairs.faster / pairs.runs };
    } catch (error) {
      if (this.#order.signal.aborted || !isLarderError(error)) throw error;
      this.measured.push({ ...viewOf(options, undefined), ...mark, error: error.toRecord() });
      return undefined;
    }
  }

  async #pairs(options: OptionValues): Promise<Pairs | undefined> {
    const { clock, activity, loader } = this.#deps;
    const { request, signal, makeCall } = this.#order;
    const shareMs = this.#totalMs / CANDIDATES_MAX;
    // A load takes the processor too: whoever asks now goes first.
    if (!await waitForQuiet({ clock, activity, signal }, clock.monotonicMs() + shareMs)) return undefined;
    const wanted = { isolation: this.lease.model.loadedWith.isolation, runtime: options };
    const loaded = await loader.load(this.lease.key, signal, wanted);
    try {
      const base = this.measured.length * ROUNDS;
      return await measurePairs(
        { clock, activity, signal, makeCall: (round) => makeCall(base + round) },
        this.lease.model.runtime,
        loaded.model.runtime,
        {
          runs: request.runs ?? RUNS_DEFAULT,
          enoughMs: clock.monotonicMs() + shareMs,
          untilMs: this.#startMs + this.#totalMs + shareMs,
        },
      );
    } finally {
      await loaded.dispose();
    }
  }
}

function viewOf(options: OptionValues, pairs: Pairs | undefined): TuneCandidate {
  return {
    options,
    runs: pairs?.runs ?? 0,
    faster: pairs?.faster ?? 0,
    p50_ms: pairs === undefined ? null : rounded(pairs.candidateMs),
    present_p50_ms: pairs === undefined ? null : rounded(pairs.presentMs),
    gain: pairs === undefined ? null : gainOf(pairs.ratio),
  };
}

/** To a thousandth. */
export function gainOf(ratio: number): number {
  return Math.round(1000 * (1 - ratio)) / 1000;
}

/** Microseconds are as much as a clock tells. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
