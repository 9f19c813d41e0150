import type { CacheSettings, CacheStats } from "../../src/cache/types.ts";
import type {
  BatchPredictView,
  CacheExplanation,
  InferResult,
  LoadableView,
  ModelMetadataView,
  Models,
  PredictView,
  ReloadView,
  ServedBy,
} from "../../src/library/index.ts";
import { DISK } from "./budget-stand-in.ts";

export const BY: ServedBy = { model: "iris", version: "2.0.0", variant: "default" };
export const TIMING = { load: 0, queue: 0, run: 1, total: 1 };

export const FELL_BACK: ServedBy = {
  ...BY,
  version: "1.0.0",
  fallback: {
    asked: "iris@2.0.0:default",
    error: { code: "MODEL_BROKEN", message: "Cannot load it", retryable: false },
  },
};

export const SETTINGS: CacheSettings = {
  policy: "lru",
  countMax: 3,
  ttlS: 3600,
  keepAliveS: null,
  churnWindowS: 60,
  waitersMax: 1024,
  loadsAtOnce: 2,
  deadlineMs: 30_000,
  failureBackoff: { baseMs: 1000, maxMs: 300_000 },
  crashLimit: 3,
  forgiveS: 600,
};

export const STATS: CacheStats = {
  policy: "lru",
  cache_size: 1,
  count_max: 3,
  bytes: 2048,
  bytes_max: 1_048_576,
  cached_models: [{
    ...BY,
    bytes: 2048,
    estimated_bytes: 1024,
    load_ms: 12,
    uses: 7,
    leases: 1,
    pinned: true,
    state: "loaded",
    loaded_at: 1_700_000_000,
    last_used_at: 1_700_000_060,
  }],
  leaving_models: [],
  loading_models: [{
    model: "acme/tiny",
    version: "1",
    variant: "q4",
    state: "loading",
    estimated_bytes: 4096,
    waiters: 2,
    elapsed_ms: 1500,
  }],
  failed_models: [{
    key: "bad@1:default",
    reason: "Cannot load it",
    failures: 2,
    crashes: 0,
    refused_for_s: 4,
    set_aside: false,
  }],
  pins: ["iris@2.0.0:default"],
  waiting: 2,
  hits: 6,
  misses: 2,
  hit_rate: 0.75,
  miss_rate: 0.25,
  evictions: 1,
  churn: 0,
  crashes: 0,
  total_loads: 2,
  failed_loads: 1,
  load_ms: { count: 2, min: 10, mean: 11, max: 12, last: 12 },
};

export const METADATA: ModelMetadataView = {
  ...BY,
  runtime: "onnx",
  architecture: null,
  parameters: 15,
  contextLength: null,
  quantization: null,
  inputs: [{ name: "x", dtype: "float32", shape: ["batch", 4] }],
  outputs: [
    { name: "label", dtype: "int64", shape: [null] },
    { name: "probabilities", type: "seq(map(int64,tensor(float)))" },
  ],
  weightBytes: 60,
  versions: ["2.0.0", "1.0.0"],
  metrics: { f1: 0.97 },
};

/** What routes can be tried against without a model: it answers what it is told to, and remembers what it was asked. */
export class StandInModels implements Models {
  readonly calls: Array<readonly [string, ...unknown[]]> = [];
  /** Thrown by every call of this name. */
  readonly failures = new Map<string, unknown>();
  by = BY;
  outputs: InferResult["outputs"] = {};
  results: BatchPredictView["results"] = [];
  views: LoadableView[] = [];
  reloaded: ReloadView = { reloaded: [], failed: [] };
  /** What the last call was given to notice that nobody waits any more. */
  signal: AbortSignal | undefined;
  /** Calls of `predict` and `infer` wait for it. */
  held: Promise<void> | undefined;

  predict: Models["predict"] = async (request, options): Promise<PredictView> => {
    await this.#note(options, "predict", request, withoutSignal(options));
    return {
      ...this.by,
      outputs: { y: { dtype: "float32", shape: [1], data: [0.5] } },
      predictions: ["setosa"],
      probabilities: [{ setosa: 0.75, virginica: 0.25 }],
      timing_ms: TIMING,
    };
  };

  batchPredict: Models["batchPredict"] = async (request, options): Promise<BatchPredictView> => {
    await this.#note(options, "batchPredict", request, withoutSignal(options));
    return { ...this.by, results: this.results, timing_ms: TIMING };
  };

  infer: Models["infer"] = async (target, inputs, outputs, options): Promise<InferResult> => {
    await this.#note(options, "infer", target, inputs, outputs);
    return { ...this.by, outputs: this.outputs, timingMs: TIMING };
  };

  load: Models["load"] = async (target, options) => {
    await this.#note(options, "load", target, withoutSignal(options));
    return this.by;
  };

  unload: Models["unload"] = async (target) => {
    await this.#note(undefined, "unload", target);
    return true;
  };

  reload: Models["reload"] = async (request, options) => {
    await this.#note(options, "reload", request);
    return this.reloaded;
  };

  setPinned: Models["setPinned"] = async (target, pinned) => {
    await this.#note(undefined, "setPinned", target, pinned);
    return this.by;
  };

  metadata: Models["metadata"] = async (target) => {
    await this.#note(undefined, "metadata", target);
    return { ...METADATA, ...this.by };
  };

  loadable: Models["loadable"] = async (model) => {
    await this.#note(undefined, "loadable", ...(model === undefined ? [] : [model]));
    return this.views;
  };

  explain: Models["explain"] = async (target): Promise<CacheExplanation> => {
    await this.#note(undefined, "explain", ...(target === undefined ? [] : [target]));
    return {
      policy: "lru",
      estimated_bytes: 0,
      outcome: "fits",
      victims: [],
      order: [],
      kept: [],
      disk: DISK,
    };
  };

  cacheStats(): CacheStats {
    this.calls.push(["cacheStats"]);
    return STATS;
  }

  configureCache(changes: Partial<CacheSettings>): CacheSettings {
    this.calls.push(["configureCache", changes]);
    return { ...SETTINGS, ...changes };
  }

  generate = notAsked;
  embed = notAsked;

  async #note(options: { readonly signal?: AbortSignal } | undefined, name: string, ...rest: unknown[]) {
    this.calls.push([name, ...rest]);
    this.signal = options?.signal;
    if (this.failures.has(name)) throw this.failures.get(name);
    await this.held;
  }
}

function withoutSignal(options: object = {}): object {
  return Object.fromEntries(Object.entries(options).filter(([key]) => key !== "signal"));
}

function notAsked(): never {
  throw new Error("these routes have no use for it");
}
