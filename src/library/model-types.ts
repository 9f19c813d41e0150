import type { CacheSettings, CacheStats, Explanation } from "../cache/index.ts";
import type { ErrorRecord } from "../core/index.ts";
import type { DiskExplanation } from "./budget-types.ts";
import type {
  ChatMessage,
  Dtype,
  EmbedResult,
  GenerateResult,
  GenerateRun,
  ModelMetadata,
  StructuredValue,
  Tensor,
} from "../runtimes/index.ts";

/** Which model is meant: names as a client gives them, nothing resolved. */
export interface ModelTarget {
  readonly model: string;
  /** A version or an alias. Absent means `latest`; only then, and for an alias, earlier versions may stand in. */
  readonly version?: string;
  readonly variant?: string;
}

/** Which model answered. */
export interface ServedBy {
  readonly model: string;
  readonly version: string;
  readonly variant: string;
  /** Present when another version or variant than the one asked for answered, and why. */
  readonly fallback?: { readonly asked: string; readonly error: ErrorRecord };
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** At most so long until the answer, its load included. 0 waits for no load and says nothing of the run. */
  readonly deadlineMs?: number;
  /**
   * Nobody has asked for the model yet: it does not count as used, is not pulled, and nothing stands in for it. Nothing is evicted for
   * it either, and its load is given up when a request needs the room.
   */
  readonly isPreload?: boolean;
}

/** JSON of an input: rows or nested arrays of numbers, strings or booleans; or a tensor written out. */
export type JsonInput =
  | readonly unknown[]
  | { readonly dtype?: Dtype; readonly shape: readonly number[]; readonly data: readonly unknown[] };

export interface PredictRequest extends ModelTarget {
  /** Rows for a model with one input, or inputs by name. */
  readonly inputs: readonly unknown[] | Readonly<Record<string, JsonInput>>;
  /** Names of the outputs to give; all by default. */
  readonly outputs?: readonly string[];
}

export interface TimingView {
  /** Until the model was loaded; 0 when it was. */
  readonly load: number;
  readonly queue: number;
  readonly run: number;
  readonly total: number;
}

export interface JsonTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Nested by shape; 64-bit integers beyond 2^53 as strings; NaN and infinities as null. */
  readonly data: unknown;
}

export interface PredictView extends ServedBy {
  readonly outputs: Readonly<Record<string, JsonTensor | readonly Readonly<Record<string, number>>[]>>;
  /** One label per row, where the model gives labels. */
  readonly predictions?: readonly (number | string)[];
  /** One object per row, label to probability, where the model gives them. */
  readonly probabilities?: readonly Readonly<Record<string, number>>[];
  readonly timing_ms: TimingView;
}

export interface BatchPredictRequest extends ModelTarget {
  /** Each as `inputs` of {@link PredictRequest}; answered in this order, one failure does not end the others. */
  readonly requests: ReadonlyArray<Pick<PredictRequest, "inputs" | "outputs">>;
}

export interface BatchPredictView extends ServedBy {
  readonly results: ReadonlyArray<
    Pick<PredictView, "outputs" | "predictions" | "probabilities"> | { readonly error: ErrorRecord }
  >;
  readonly timing_ms: TimingView;
}

export interface InferResult extends ServedBy {
  readonly outputs: Readonly<Record<string, Tensor | StructuredValue>>;
  readonly timingMs: TimingView;
}

export interface GenerateAnswer extends ServedBy, GenerateResult {
  readonly timingMs: TimingView;
}

export interface EmbedAnswer extends ServedBy, EmbedResult {
  readonly timingMs: TimingView;
}

/** One version of a model that could be loaded. */
export interface LoadableView {
  readonly model: string;
  readonly version: string;
  readonly variants: readonly string[];
  /** Loaded, being loaded, or neither. */
  readonly state: "ready" | "loading" | "unloaded" | "failed";
  /** Why it is `failed`. */
  readonly reason: string | null;
  readonly metrics: Readonly<Record<string, number>>;
}

/** From headers alone: nothing is loaded for it. */
export interface ModelMetadataView extends ModelMetadata {
  readonly model: string;
  readonly version: string;
  readonly variant: string;
  readonly versions: readonly string[];
  readonly metrics: Readonly<Record<string, number>>;
}

export interface ReloadRequest {
  /** All loaded models when absent. */
  readonly model?: string;
  readonly version?: string;
  readonly variant?: string;
  /** Tried on the new model before anybody gets it. */
  readonly probe?: PredictRequest["inputs"];
}

export interface ReloadView {
  readonly reloaded: ReadonlyArray<
    {
      readonly model: string;
      readonly from: string;
      readonly to: string;
      readonly variant: string;
      readonly ms: number;
    }
  >;
  /** These stayed as they were. */
  readonly failed: ReadonlyArray<
    {
      readonly model: string;
      readonly version: string;
      readonly variant: string;
      readonly error: ErrorRecord;
    }
  >;
}

/** Who would leave the memory, and who the disk. */
export interface CacheExplanation extends Explanation {
  readonly disk: DiskExplanation;
}

/** Models in memory, for those who use them. All of it is part of the library of the process that owns the home. */
export interface Models {
  /** @throws {LarderError} MODEL_NOT_FOUND, VERSION_NOT_FOUND, VARIANT_NOT_FOUND, MODEL_BROKEN, NOT_SUPPORTED. */
  metadata(target: ModelTarget): Promise<ModelMetadataView>;
  /** What could be loaded and is, in order of name; without a model everything. */
  loadable(model?: string): Promise<LoadableView[]>;

  /**
   * @throws {LarderError} BAD_INPUT naming the input, its dtype and its shape; what loading ends with: MODEL_LOADING (503, with how far
   * it is), MODEL_QUEUE_FULL, CACHE_FULL, MODEL_TOO_LARGE, MODEL_FAILED, MODEL_SET_ASIDE, MODEL_BROKEN, MODEL_CRASHED;
   * DEADLINE_EXCEEDED when it is loaded and its run takes longer than what is left.
   */
  predict(request: PredictRequest, options?: CallOptions): Promise<PredictView>;
  batchPredict(request: BatchPredictRequest, options?: CallOptions): Promise<BatchPredictView>;
  /** The same with tensors as they are. */
  infer(
    target: ModelTarget,
    inputs: Readonly<Record<string, Tensor>>,
    outputs?: readonly string[],
    options?: CallOptions,
  ): Promise<InferResult>;
  /** @param onText Gets the text piece by piece. @param onServed Called once, before the first piece. */
  generate(
    target: ModelTarget,
    run: Omit<GenerateRun, "kind">,
    options?: CallOptions & {
      readonly onText?: (text: string) => void;
      readonly onServed?: (by: ServedBy) => void;
    },
  ): Promise<GenerateAnswer>;
  embed(target: ModelTarget, input: string, options?: CallOptions): Promise<EmbedAnswer>;

  /** Loads, and waits for it. */
  load(target: ModelTarget, options?: CallOptions): Promise<ServedBy>;
  /** Takes it out of memory at once; running calls finish. True when it was loaded. */
  unload(target: ModelTarget): Promise<boolean>;
  reload(request: ReloadRequest, options?: CallOptions): Promise<ReloadView>;
  /** Keeps policies away from it and its files on disk, or no longer; also after a restart, by the name that was given. */
  setPinned(target: ModelTarget, pinned: boolean): Promise<ServedBy>;
  cacheStats(): CacheStats;
  explain(target?: ModelTarget): Promise<CacheExplanation>;
  configureCache(changes: Partial<CacheSettings>): CacheSettings;
}

export type { ChatMessage };
