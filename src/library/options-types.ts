import type { ErrorRecord } from "../core/index.ts";
import type { RuntimeName } from "../runtimes/index.ts";
import type { JobView } from "./job-types.ts";
import type { ModelTarget, PredictRequest } from "./model-types.ts";

/** By the names that users write: those of the model's runtime, and `keep_alive_s`, `pinned`, `budget_weight`, `isolation`. */
export type OptionValues = Readonly<Record<string, string | number | boolean>>;

/** Null takes an option back. */
export type OptionChanges = Readonly<Record<string, string | number | boolean | null>>;

/** Options hold for a model, or with a variant for that variant alone; whatever the version. */
export interface OptionsTarget {
  readonly model: string;
  readonly variant?: string;
}

export interface OptionsView {
  readonly model: string;
  /** Null: what was set for all variants. */
  readonly variant: string | null;
  /** What was set for exactly this. */
  readonly options: OptionValues;
  /** What holds for the variant, or for the one that is meant when none is named: its own goes over the model's. */
  readonly in_force: OptionValues;
  /** What can be set for this model's runtime. */
  readonly allowed: readonly string[];
}

export interface OptionsChangeView extends OptionsView {
  /** `at the next load`: what is in memory, if it is, goes on with what it was loaded with. */
  readonly applied: "now" | "at the next load";
}

export interface ApplyOptions {
  /** What is loaded is loaded again beside the old one, which serves meanwhile. True by default. */
  readonly apply?: boolean;
}

export interface TuneRequest extends ModelTarget {
  /** What is run: inputs as for `predict`, or a prompt. Made from the model's metadata when absent. */
  readonly probe?: PredictRequest["inputs"] | string;
  /** Runs of each setting that are measured, 15 by default. */
  readonly runs?: number;
  /** No new setting is begun after so long, 60 by default. */
  readonly seconds_max?: number;
  /** The best is set for the variant and applied; true by default. */
  readonly keep?: boolean;
}

/** One setting, measured in turns with the present one. */
export interface TuneCandidate {
  readonly options: OptionValues;
  /** Pairs of runs that no request came between. */
  readonly runs: number;
  /** Of them those in which it was faster. */
  readonly faster: number;
  /** Medians; null when too few runs could be measured. */
  readonly p50_ms: number | null;
  readonly present_p50_ms: number | null;
  /** Part of the time that is saved, the median of all pairs: 0.2 is a fifth, less than 0 is slower. */
  readonly gain: number | null;
  /** The best of the search, measured a second time. */
  readonly confirms?: true;
  /** Why it could not be loaded or run. */
  readonly error?: ErrorRecord;
}

export interface TuneResult {
  readonly model: string;
  readonly version: string;
  readonly variant: string;
  readonly runtime: RuntimeName;
  /** What it was loaded with; what is not named is the runtime's own default. */
  readonly present: OptionValues;
  readonly candidates: readonly TuneCandidate[];
  /** The present ones when none is better by a twentieth, measured twice. */
  readonly chosen: OptionValues;
  readonly gain: number;
  readonly kept: boolean;
  /** For people: why this was chosen. */
  readonly reason: string;
}

/** What users want of a model beside its files, kept until they want something else. */
export interface ModelOptionsApi {
  /** @throws {LarderError} MODEL_NOT_FOUND, VARIANT_NOT_FOUND; BAD_REFERENCE: a version was named. */
  find(target: OptionsTarget): Promise<OptionsView>;
  /**
   * Sets what is given and keeps the rest. Where something loaded cannot be loaded with it, nothing is changed.
   *
   * @throws {LarderError} BAD_INPUT naming the option and what is allowed; NOT_SUPPORTED; what reloading ends with; as {@link find}.
   */
  set(target: OptionsTarget, changes: OptionChanges, options?: ApplyOptions): Promise<OptionsChangeView>;
  /** Takes all back that was set for exactly this. @throws {LarderError} As {@link set}. */
  remove(target: OptionsTarget, options?: ApplyOptions): Promise<OptionsChangeView>;
  /**
   * Measures settings of a model on this machine, loading it if it is not, and keeps the best; its result is a {@link TuneResult}.
   *
   * @throws {LarderError} MODEL_NOT_FOUND, VERSION_NOT_FOUND, VARIANT_NOT_FOUND. As the job's error: NO_MEMORY, when a second copy has no
   * room; NOT_SUPPORTED; BAD_INPUT of the probe; what loading ends with.
   */
  tune(request: TuneRequest): Promise<JobView>;
}
