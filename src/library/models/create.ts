import { type CacheSettings, createModelCache, type ModelCache, type ModelKey } from "../../cache/index.ts";
import { type Clock, type Events, formatModelRef, isLarderError, logger } from "../../core/index.ts";
import type { Metrics } from "../../metrics/index.ts";
import type { Registry } from "../../registry/index.ts";
import type { Runtimes } from "../../runtimes/index.ts";
import type { BlobStore } from "../../store/index.ts";
import type { DiskExplanation } from "../budget-types.ts";
import type { EnsuredVariant } from "../hub-types.ts";
import type { Jobs } from "../jobs.ts";
import type { Soundness } from "../soundness.ts";
import type { Models, ModelTarget } from "../model-types.ts";
import type { Pressure } from "../preload-types.ts";
import type { UseRecorder } from "../use/index.ts";
import type { ModelOptionsApi } from "../options-types.ts";
import { createModelOptions, KeptOptions, Pins } from "../options/index.ts";
import { acquireModel } from "./acquire.ts";
import { Activity } from "./activity.ts";
import { Aside } from "./aside.ts";
import { downloadedFiles } from "../variant-files.ts";
import { Candidates } from "./candidates.ts";
import { labelOf, type LoadedVariant, ModelLoader } from "./model-loader.ts";
import { ServedModels } from "./served-models.ts";
import { Trials } from "./trials.ts";

const log = logger("models");

export interface ModelSettings {
  readonly cache: Partial<CacheSettings>;
  /** Bytes that all models may take; 0 is half of what is available, measured again and again. */
  readonly bytesMax: number;
  readonly isolation: "thread" | "process";
  /** A model that is not here is pulled when it is asked for. */
  readonly pullsOnUse: boolean;
  /** What is loaded follows its name when a pull or an alias moves it. */
  readonly followsAliases: boolean;
  readonly fallsBack: { readonly versions: boolean; readonly variants: boolean };
}

export interface ServedModelsParts {
  readonly registry: Registry;
  readonly store: BlobStore;
  readonly runtimes: Runtimes;
  readonly soundness: Pick<Soundness, "ensure">;
  readonly events: Events;
  readonly clock: Clock;
  readonly metrics: Metrics | undefined;
  readonly uses: Pick<UseRecorder, "noteUse" | "noteLoad">;
  readonly settings: ModelSettings;
  readonly availableBytes: () => number;
  readonly jobs: Pick<Jobs, "start">;
  readonly preferred: (model: string, version: string) => string | undefined;
  readonly explainDisk: () => Promise<DiskExplanation>;
  readonly ensure: (reference: string, options: { readonly signal?: AbortSignal }) => Promise<EnsuredVariant>;
}

export interface MemoryOfModels extends Models {
  /** What users want of each model. */
  readonly options: ModelOptionsApi;
  /** What serves a name now. @throws {LarderError} MODEL_NOT_FOUND, VERSION_NOT_FOUND, VARIANT_NOT_FOUND. */
  keyOf(target: ModelTarget): ModelKey;
  pressure(): Pressure;
  close(): Promise<void>;
}

/** Models in memory. Close it: that waits for calls that run. */
export function createServedModels(parts: ServedModelsParts): MemoryOfModels {
  const { registry, store, runtimes, events, clock, metrics, uses, settings, availableBytes } = parts;
  const noteLoad = metrics?.times("larder_model_load_seconds", "Time that loading a model took.");
  const noteRun = metrics?.times("larder_model_run_seconds", "Time that a call to a loaded model took.");
  metrics?.gauge("larder_models_loaded", "Models in memory.", () => cache.stats().cache_size);
  metrics?.gauge("larder_models_bytes", "Memory of the models, as measured.", () => cache.stats().bytes);
  const isLoaded = (key: ModelKey) => {
    const lease = cache.tryAcquire(key);
    lease?.release();
    return lease !== undefined;
  };
  const candidates = new Candidates(registry, parts.preferred, () => settings.fallsBack, isLoaded);
  const meantBy = (target: ModelTarget) => candidates.meantBy(target);
  const aside = new Aside();
  const activity = new Activity();
  const kept = new KeptOptions(registry, settings.isolation);
  const loader = new ModelLoader({
    registry,
    store,
    runtimes,
    optionsOf: (key) => kept.loadOptionsOf(key),
    soundness: parts.soundness,
  });
  const cache: ModelCache<LoadedVariant> = createModelCache({
    ...settings.cache,
    load: async (key, signal) => {
      const startMs = clock.monotonicMs();
      const loaded = await loader.load(key, signal);
      uses.noteLoad(key, clock.monotonicMs() - startMs);
      return loaded;
    },
    estimateBytes: (key) => loader.estimateBytes(key),
    bytesMax: (heldBytes) => {
      const all = settings.bytesMax > 0
        ? settings.bytesMax
        : (availableBytes() + heldBytes + aside.bytes) / 2;
      return all - aside.bytes;
    },
    careOf: (key) => kept.careOf(key),
    isCrash: (error) => isLarderError(error, "MODEL_CRASHED"),
    onEvent: (event) => {
      if (event.type === "loaded") noteLoad?.(event.loadMs / 1000);
      log.debug("{type} {key}", { ...event });
    },
    clock,
  });
  const trials = new Trials(async (to, from) => {
    await cache.replace(to, from);
  });
  const ensure = async (target: ModelTarget, signal: AbortSignal | undefined) => {
    if (!settings.pullsOnUse) return false;
    await parts.ensure(formatModelRef(target), signal === undefined ? {} : { signal });
    return true;
  };
  const pins = new Pins({ registry, kept, cache, meantBy });
  const models = new ServedModels({
    registry,
    cache,
    candidates,
    loader,
    ensure,
    trials,
    pins,
    activity,
    explainDisk: parts.explainDisk,
    clock,
    noteRun: noteRun ?? (() => {}),
    noteUse: (key) => uses.noteUse(key),
  });
  const unfollow = settings.followsAliases ? follow(events, cache, models) : () => {};
  const unsubscribe = events.subscribe((event) => {
    if (event.type === "removed") unloadRemoved(cache, event);
    if (event.type === "variant" && !isHere(registry, event)) unloadRemoved(cache, event);
  });
  const unfollowPins = pins.keep(events);
  return Object.assign(models, {
    options: createModelOptions({
      ...{ kept, pins, cache, loader, meantBy, activity, clock, jobs: parts.jobs },
      acquire: (target, how) => acquireModel({ cache, candidates, ensure, trials, clock }, target, how),
      reserve: (bytes) => aside.take(bytes),
    }),
    pressure: () => ({ memory: cache.waiting, processor: runtimes.waiting }),
    close: async () => {
      unfollow();
      unsubscribe();
      unfollowPins();
      await cache.close();
      await runtimes.close();
    },
  });
}

/** What is loaded is brought up to date when its name moves. */
function follow(events: Events, cache: ModelCache<LoadedVariant>, models: ServedModels): () => void {
  return events.subscribe((event) => {
    if (event.type !== "version" && event.type !== "alias") return;
    const { model } = event;
    if (!cache.stats().cached_models.some((one) => one.model === model)) return;
    models.reload({ model }, { onlyMoved: true }).then(({ reloaded, failed }) => {
      for (const { from, to, variant } of reloaded) {
        if (from !== to) {
          log.info("{model}: {to} serves instead of {from}", {
            model: labelOf({ model, version: to, variant }),
            from,
            to,
          });
        }
      }
      for (const { version, error } of failed) {
        log.warn("{model}@{version} cannot take over, the one before goes on: {error}", {
          ...{ model, version, error: error.message },
        });
      }
    }).catch((error: unknown) =>
      log.error("Cannot reload {model}: {error}", { model, error: String(error) })
    );
  });
}

/** Who uses it finishes; its memory is then given back. */
function unloadRemoved(
  cache: ModelCache<LoadedVariant>,
  { model, version, variant }: { readonly model: string } & Partial<ModelKey>,
): void {
  for (const one of cache.stats().cached_models) {
    const isMeant = one.model === model && one.version === (version ?? one.version) &&
      one.variant === (variant ?? one.variant);
    if (isMeant) cache.evict(one);
  }
}

function isHere(registry: Pick<Registry, "findVersion">, { model, version, variant }: ModelKey): boolean {
  const row = registry.findVersion(model, version);
  return row !== undefined && downloadedFiles(row, variant) !== undefined;
}
