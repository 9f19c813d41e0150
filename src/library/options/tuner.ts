import type { CacheStats } from "../../cache/index.ts";
import { type Clock, isLarderError, LarderError, Semaphore } from "../../core/index.ts";
import type { JobContext, Jobs } from "../jobs.ts";
import type { Acquired } from "../models/acquire.ts";
import type { Activity } from "../models/activity.ts";
import { labelOf, type LoadedVariant, type ModelLoader } from "../models/model-loader.ts";
import type { CallOptions, ModelTarget } from "../model-types.ts";
import type {
  JobView,
  ModelOptionsApi,
  OptionValues,
  TuneCandidate,
  TuneRequest,
  TuneResult,
} from "../types.ts";
import { callsFor, type MakeCall } from "./tune-calls.ts";
import { dimensionsOf } from "./tune-dimensions.ts";
import { measurePairs, type Pairs, waitForQuiet } from "./tune-pairs.ts";
import { CANDIDATES_MAX, type Choice, type Measured, searchBest } from "./tune-search.ts";

const RUNS_DEFAULT = 15;
const SECONDS_MAX_DEFAULT = 60;
/** Rounds of one setting have other numbers than those of the next. */
const ROUNDS = 10_000;

export interface TunerDeps {
  readonly options: Pick<ModelOptionsApi, "set">;
  readonly jobs: Pick<Jobs, "start">;
  readonly loader: Pick<ModelLoader, "load">;
  readonly acquire: (target: ModelTarget, options: CallOptions) => Promise<Acquired> | Acquired;
  /** Throws what there is to say when no such model is here. */
  readonly check: (target: ModelTarget) => void;
  readonly stats: () => Pick<CacheStats, "bytes" | "bytes_max" | "cached_models">;
  /** Takes bytes from what models may take, until they are given back. */
  readonly reserve: (bytes: number) => () => void;
  readonly activity: Activity;
  readonly clock: Clock;
}

/** Finds out which settings of a runtime are best for a model on this machine. One model at a time: they would measure each other. */
export class Tuner {
  readonly #turn = new Semaphore(1);

  constructor(private readonly deps: TunerDeps) {}

  start(request: TuneRequest): JobView {
    this.deps.check(request);
    return this.deps.jobs.start("tune", false, (job) => this.#tune(request, job));
  }

  async #tune(request: TuneRequest, { signal }: JobContext): Promise<TuneResult> {
    const release = await this.#turn.acquire(signal);
    try {
      const { model, version, variant } = request;
      const target = {
        model,
        ...(version === undefined ? {} : { version }),
        ...(variant === undefined ? {} : { variant }),
      };
      using acquired = await this.deps.acquire(target, { signal });
      return await this.#tuneLoaded(acquired, request, signal);
    } finally {
      release();
    }
  }

  async #tuneLoaded({ lease }: Acquired, request: TuneRequest, signal: AbortSignal): Promise<TuneResult> {
    const { metadata, loadedWith } = lease.model;
    const present = loadedWith.runtime as OptionValues;
    const makeCall = callsFor(metadata, request.probe, present["context_length"]);
    const trial = new Trial(this.deps, lease, { request, makeCall, signal });
    const choice = await this.#search(trial, lease.model);
    const { keep = true } = request;
    const { model, version, variant } = lease.key;
    const isKept = keep && choice !== undefined;
    if (isKept) await this.deps.options.set({ model, variant }, choice.options);
    return {
      ...{ model, version, variant, runtime: metadata.runtime, present },
      candidates: trial.measured,
      chosen: choice?.options ?? present,
      gain: choice === undefined ? 0 : gainOf(choice.ratio),
      kept: isKept,
      reason: reasonOf(trial.measured, choice),
    };
  }

  async #search(trial: Trial, { metadata, loadedWith }: LoadedVariant): Promise<Choice | undefined> {
    const giveBack = this.#reserve(trial);
    try {
      const present = loadedWith.runtime as OptionValues;
      return await searchBest(
        present,
        dimensionsOf(metadata),
        (options, confirms) => trial.measure(options, confirms),
        () => trial.isOver,
      );
    } finally {
      giveBack();
    }
  }

  /** @throws {LarderError} NO_MEMORY: a second copy has no room beside what is there, and nothing is evicted for it. */
  #reserve({ lease: { key } }: Trial): () => void {
    const { bytes, bytes_max, cached_models } = this.deps.stats();
    const label = labelOf(key);
    const need = cached_models.find((one) => labelOf(one) === label)?.bytes ?? 0;
    if (bytes + need <= bytes_max) return this.deps.reserve(need);
    throw new LarderError("NO_MEMORY", `Cannot tune ${label}: a second copy of it has no room beside it`, {
      hint: "Unload other models first, or raise models_bytes.",
      details: { bytes_needed: need, bytes_free: Math.max(0, bytes_max - bytes) },
    });
  }
}

/** The settings that are tried beside a model in use. */
class Trial {
  readonly measured: TuneCandidate[] = [];
  readonly lease: Acquired["lease"];
  readonly #deps: TunerDeps;
  readonly #how: { readonly request: TuneRequest; readonly makeCall: MakeCall; readonly signal: AbortSignal };
  readonly #startMs: number;
  readonly #totalMs: number;

  constructor(
    deps: TunerDeps,
    lease: Acquired["lease"],
    how: { readonly request: TuneRequest; readonly makeCall: MakeCall; readonly signal: AbortSignal },
  ) {
    this.#deps = deps;
    this.lease = lease;
    this.#how = how;
    this.#startMs = deps.clock.monotonicMs();
    this.#totalMs = (how.request.seconds_max ?? SECONDS_MAX_DEFAULT) * 1000;
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
      if (this.#how.signal.aborted || !isLarderError(error)) throw error;
      this.measured.push({ ...viewOf(options, undefined), ...mark, error: error.toRecord() });
      return undefined;
    }
  }

  async #pairs(options: OptionValues): Promise<Pairs | undefined> {
    const { clock, activity, loader } = this.#deps;
    const { request, signal, makeCall } = this.#how;
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

function reasonOf(measured: readonly TuneCandidate[], choice: Choice | undefined): string {
  if (choice !== undefined) {
    return `it saves ${Math.round(100 * gainOf(choice.ratio))} % of the time, measured twice`;
  }
  if (measured.length === 0) return "there is nothing to vary";
  if (measured.every(({ p50_ms }) => p50_ms === null)) return "nothing could be measured beside the requests";
  return "nothing else surely saves 5 % of the time";
}

function gainOf(ratio: number): number {
  return Math.round(1000 * (1 - ratio)) / 1000;
}

/** Microseconds are as much as a clock tells. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
