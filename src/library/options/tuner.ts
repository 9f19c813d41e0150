import type { CacheStats } from "../../cache/index.ts";
import { LarderError, Semaphore } from "../../core/index.ts";
import type { JobContext, Jobs } from "../jobs.ts";
import type { Acquired } from "../models/acquire.ts";
import { labelOf, type LoadedVariant } from "../models/model-loader.ts";
import type { CallOptions, ModelTarget } from "../model-types.ts";
import type {
  JobView,
  ModelOptionsApi,
  OptionValues,
  TuneCandidate,
  TuneRequest,
  TuneResult,
} from "../types.ts";
import { callsFor } from "./tune-calls.ts";
import { dimensionsOf } from "./tune-dimensions.ts";
import { type Choice, searchBest } from "./tune-search.ts";
import { gainOf, Trial, type TrialDeps } from "./tune-trial.ts";

export interface TunerDeps extends Omit<TrialDeps, "stats"> {
  readonly options: Pick<ModelOptionsApi, "set">;
  readonly jobs: Pick<Jobs, "start">;
  readonly acquire: (target: ModelTarget, options: CallOptions) => Promise<Acquired> | Acquired;
  /** Throws what there is to say when no such model is here. */
  readonly check: (target: ModelTarget) => void;
  readonly stats: () => Pick<CacheStats, "bytes" | "bytes_max" | "cached_models">;
  /** Takes bytes from what models may take, until they are given back. */
  readonly reserve: (bytes: number) => () => void;
}

/** Finds out which settings of a runtime are best for a model on this machine. One model at a time: they would measure each other. */
export class Tuner {
  readonly #turn = new Semaphore(1);

  constructor(private readonly deps: TunerDeps) {}

  start(request: TuneRequest): JobView {
    this.deps.check(request);
    return this.deps.jobs.start("tune", false, (job) => this.#tune(request, job));
  }

  #tune(request: TuneRequest, { signal }: JobContext): Promise<TuneResult> {
    const { model, version, variant } = request;
    const target = {
      model,
      ...(version === undefined ? {} : { version }),
      ...(variant === undefined ? {} : { variant }),
    };
    return this.#turn.run(async () => {
      using acquired = await this.deps.acquire(target, { signal });
      return await this.#tuneLoaded(acquired, request, signal);
    }, signal);
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

function reasonOf(measured: readonly TuneCandidate[], choice: Choice | undefined): string {
  if (choice !== undefined) {
    return `it saves ${Math.round(100 * gainOf(choice.ratio))} % of the time, measured twice`;
  }
  if (measured.length === 0) return "there is nothing to vary";
  if (measured.every(({ p50_ms }) => p50_ms === null)) return "nothing could be measured beside the requests";
  return "nothing else surely saves 5 % of the time";
}
