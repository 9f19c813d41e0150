import type { CacheSettings, CacheStats, ModelCache, ModelKey } from "../../cache/index.ts";
import { type Clock, isLarderError } from "../../core/index.ts";
import type { Registry } from "../../registry/index.ts";
import type { GenerateRun, ModelMetadata, Tensor } from "../../runtimes/index.ts";
import type { DiskExplanation } from "../budget-types.ts";
import type {
  BatchPredictRequest,
  BatchPredictView,
  CacheExplanation,
  CallOptions,
  EmbedAnswer,
  GenerateAnswer,
  InferResult,
  LoadableView,
  ModelMetadataView,
  Models,
  ModelTarget,
  PredictRequest,
  PredictView,
  ReloadRequest,
  ReloadView,
  ServedBy,
  TimingView,
} from "../model-types.ts";
import type { Pins } from "../options/index.ts";
import type { Activity } from "./activity.ts";
import { type Acquired, type AcquireDeps, acquireModel } from "./acquire.ts";
import type { Candidates } from "./candidates.ts";
import { loadableVersions } from "./loadable.ts";
import { labelOf, type LoadedVariant, type ModelLoader } from "./model-loader.ts";
import { toTensors } from "./named-inputs.ts";
import { toPrediction } from "./predictions.ts";
import { reloadModels, type ReloadOptions } from "./reload.ts";
import { withinDeadline } from "./run-deadline.ts";
import type { Trials } from "./trials.ts";

export interface ServedModelsDeps {
  readonly registry: Registry;
  readonly cache: ModelCache<LoadedVariant>;
  readonly candidates: Candidates;
  readonly loader: ModelLoader;
  readonly ensure: AcquireDeps["ensure"];
  readonly trials: Trials;
  readonly pins: Pick<Pins, "set">;
  readonly explainDisk: () => Promise<DiskExplanation>;
  /** Told how long each call ran, in seconds. */
  readonly noteRun: (seconds: number) => void;
  readonly activity: Activity;
  /** Told of each use, but not of preloading. */
  readonly noteUse: (key: ModelKey) => void;
  readonly clock: Clock;
}

/** Models in memory, for those who use them. */
export class ServedModels implements Models {
  readonly #metadata = new WeakMap<ModelKey, Promise<ModelMetadata>>();

  constructor(private readonly deps: ServedModelsDeps) {}

  async metadata(target: ModelTarget): Promise<ModelMetadataView> {
    const { registry } = this.deps;
    const key = this.keyOf(target);
    const { model, version, variant } = key;
    const rows = registry.findModel(model)?.versions ?? [];
    const versions = rows.map((row) => row.version);
    const metrics = rows.find((row) => row.version === version)?.metrics ?? {};
    return { ...await this.#inspect(key), model, version, variant, versions, metrics };
  }

  loadable(model?: string): Promise<LoadableView[]> {
    return Promise.resolve(loadableVersions(this.deps, model));
  }

  async predict(request: PredictRequest, options: CallOptions = {}): Promise<PredictView> {
    const { inputs, outputs } = request;
    const { result, by, timing } = await this.#use(
      request,
      options,
      ({ runtime, metadata }, signal) =>
        runtime.run({
          kind: "tensors",
          inputs: toTensors(inputs, metadata),
          ...(outputs === undefined ? {} : { outputs }),
        }, signal),
    );
    return { ...by, ...toPrediction(result.outputs), timing_ms: timing };
  }

  async batchPredict(request: BatchPredictRequest, options: CallOptions = {}): Promise<BatchPredictView> {
    const { result, by, timing } = await this.#use(
      request,
      options,
      ({ runtime, metadata }, signal) =>
        Promise.all(
          request.requests.map(async ({ inputs, outputs }): Promise<BatchPredictView["results"][number]> => {
            try {
              const run = { kind: "tensors", inputs: toTensors(inputs, metadata) } as const;
              return toPrediction(
                (await runtime.run(outputs === undefined ? run : { ...run, outputs }, signal))
                  .outputs,
              );
            } catch (error) {
              // One that cannot be answered keeps none of the others from it.
              if (!isLarderError(error, "BAD_INPUT")) throw error;
              return { error: error.toRecord() };
            }
          }),
        ),
    );
    return { ...by, results: result, timing_ms: timing };
  }

  async infer(
    target: ModelTarget,
    inputs: Readonly<Record<string, Tensor>>,
    outputs?: readonly string[],
    options: CallOptions = {},
  ): Promise<InferResult> {
    const { result, by, timing } = await this.#use(
      target,
      options,
      ({ runtime }, signal) =>
        runtime.run({ kind: "tensors", inputs, ...(outputs === undefined ? {} : { outputs }) }, signal),
    );
    return { ...by, outputs: result.outputs, timingMs: timing };
  }

  async generate(
    target: ModelTarget,
    run: Omit<GenerateRun, "kind">,
    options: Parameters<Models["generate"]>[2] = {},
  ): Promise<GenerateAnswer> {
    const { onText, onServed } = options;
    const { result, by, timing } = await this.#use(target, options, ({ runtime }, signal, served) => {
      onServed?.(served);
      return runtime.generate({ kind: "generate", ...run }, onText, signal);
    });
    return { ...by, ...result, timingMs: timing };
  }

  async embed(target: ModelTarget, input: string, options: CallOptions = {}): Promise<EmbedAnswer> {
    const { result, by, timing } = await this.#use(
      target,
      options,
      ({ runtime }, signal) => runtime.embed({ kind: "embed", input }, signal),
    );
    return { ...by, ...result, timingMs: timing };
  }

  async load(target: ModelTarget, options: CallOptions = {}): Promise<ServedBy> {
    using acquired = await acquireModel(this.deps, target, options);
    if (options.isPreload !== true) this.deps.noteUse(acquired.lease.key);
    return acquired.by;
  }

  keyOf(target: ModelTarget): ModelKey {
    return first(this.deps.candidates.of(target));
  }

  async unload(target: ModelTarget): Promise<boolean> {
    const { found, done } = this.deps.cache.evict(this.keyOf(target));
    await done;
    return found;
  }

  reload(request: ReloadRequest, options: ReloadOptions = {}): Promise<ReloadView> {
    return reloadModels(this.deps, request, options);
  }

  async setPinned(target: ModelTarget, pinned: boolean): Promise<ServedBy> {
    return await this.deps.pins.set(target, this.keyOf(target), pinned);
  }

  cacheStats(): CacheStats {
    return this.deps.cache.stats();
  }

  async explain(target?: ModelTarget): Promise<CacheExplanation> {
    const memory = await this.deps.cache.explain(target && this.keyOf(target));
    return { ...memory, disk: await this.deps.explainDisk() };
  }

  configureCache(changes: Partial<CacheSettings>): CacheSettings {
    this.deps.cache.configure(changes);
    return this.deps.cache.settings;
  }

  async #tried<T>(key: ModelKey, work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      this.deps.trials.noteEnd(key);
      return result;
    } catch (error) {
      this.deps.trials.noteEnd(key, error);
      throw error;
    }
  }

  #inspect(key: ModelKey): Promise<ModelMetadata> {
    const known = this.#metadata.get(key) ?? this.deps.loader.inspect(key);
    this.#metadata.set(key, known);
    known.catch(() => this.#metadata.delete(key));
    return known;
  }

  /** One call to a model, which stays in memory for as long as it takes. */
  async #use<T>(
    target: ModelTarget,
    options: CallOptions,
    work: (model: LoadedVariant, signal: AbortSignal | undefined, by: ServedBy) => Promise<T>,
  ): Promise<{ readonly result: T; readonly by: ServedBy; readonly timing: TimingView }> {
    const { clock } = this.deps;
    const startMs = clock.monotonicMs();
    using _call = this.deps.activity.begin();
    const got = acquireModel(this.deps, target, options);
    using acquired: Acquired = got instanceof Promise ? await got : got;
    if (options.isPreload !== true) this.deps.noteUse(acquired.lease.key);
    const runMs = clock.monotonicMs();
    const { key, model } = acquired.lease;
    const { signal, deadlineMs } = options;
    const deadline = { clock, startMs, deadlineMs, signal, label: () => labelOf(key) };
    const run = () => withinDeadline(deadline, (until) => work(model, until, acquired.by));
    const result = await this.#tried(key, run);
    const endMs = clock.monotonicMs();
    this.deps.noteRun((endMs - runMs) / 1000);
    const load = acquired.loadMs;
    const timing = {
      load: rounded(load),
      queue: rounded(runMs - startMs - load),
      run: rounded(endMs - runMs),
      total: rounded(endMs - startMs),
    };
    return { result, by: acquired.by, timing };
  }
}

function first(keys: readonly ModelKey[]): ModelKey {
  const [key] = keys;
  if (key === undefined) throw new Error("candidates are never empty");
  return key;
}

/** Microseconds are as much as a clock tells. */
function rounded(ms: number): number {
  return Math.round(Math.max(0, ms) * 1000) / 1000;
}
