import type { ModelCache, ModelKey } from "../../cache/index.ts";
import { type Clock, isLarderError, LarderError, LATEST } from "../../core/index.ts";
import type { CallOptions, ModelTarget, ReloadRequest, ReloadView } from "../model-types.ts";
import type { Candidates } from "./candidates.ts";
import { rowsFrom, tensorFrom } from "./json-tensors.ts";
import type { LoadedVariant } from "./model-loader.ts";
import type { Trials } from "./trials.ts";

export interface ReloadDeps {
  readonly cache: ModelCache<LoadedVariant>;
  readonly candidates: Candidates;
  readonly trials: Pick<Trials, "begin">;
  readonly clock: Clock;
}

export interface ReloadOptions extends CallOptions {
  /** Only what a name that has moved serves still; it stays in memory when another name stands for it. */
  readonly onlyMoved?: boolean;
}

/**
 * Brings what is in memory up to what its names stand for now: each old one serves until the new one is there and has passed the probe.
 * One that fails stays as it is, and keeps none of the others from it.
 */
export async function reloadModels(
  deps: ReloadDeps,
  request: ReloadRequest,
  { onlyMoved = false, ...options }: ReloadOptions,
): Promise<ReloadView> {
  const reloaded: Array<ReloadView["reloaded"][number]> = [];
  const failed: Array<ReloadView["failed"][number]> = [];
  for (const { from, asked, isKept } of onlyMoved ? planMoved(deps, request) : plan(deps, request)) {
    const startMs = deps.clock.monotonicMs();
    let to = from;
    try {
      to = deps.candidates.meantBy(asked)[0] ?? from;
      if (isKept) (await deps.cache.acquire(to, options)).release();
      else {
        await deps.cache.replace(from, to, {
          ...options,
          ...(request.probe === undefined
            ? {}
            : { check: (model, signal) => tryOut(model, request.probe, signal) }),
        });
      }
      deps.trials.begin(from, to);
      const ms = Math.round(deps.clock.monotonicMs() - startMs);
      reloaded.push({ model: to.model, from: from.version, to: to.version, variant: to.variant, ms });
    } catch (error) {
      if (!isLarderError(error)) throw error;
      const { model, version, variant } = to;
      failed.push({ model, version, variant, error: reasonOf(error).toRecord() });
    } finally {
      deps.candidates.settle(to.model, onlyMoved ? asked : undefined);
    }
  }
  return { reloaded, failed };
}

interface Planned {
  readonly from: ModelKey;
  /** What should be there instead. */
  readonly asked: ModelTarget;
  /** The one before stays beside it. */
  readonly isKept?: boolean;
}

/** What is loaded under a name that stands for another version by now. */
function planMoved({ cache, candidates }: ReloadDeps, request: ReloadRequest): Planned[] {
  return loadedOf(cache, request).flatMap((from) => {
    const names = candidates.namesOf(from);
    const isKept = names.some(({ hasMoved }) => !hasMoved);
    return names.filter(({ hasMoved }) => hasMoved).map(({ target }) => ({ from, asked: target, isKept }));
  });
}

/** What of the cache is meant; a model that is not loaded is loaded. */
function plan({ cache, candidates }: ReloadDeps, request: ReloadRequest): Planned[] {
  const { model, version, variant } = request;
  const loaded = loadedOf(cache, request);
  const named = version === undefined ? {} : { version };
  if (loaded.length === 0 && model !== undefined) {
    const asked = { model, ...named, ...(variant === undefined ? {} : { variant }) };
    return candidates.meantBy(asked).slice(0, 1).map((from) => ({ from, asked }));
  }
  return loaded.map((from) => {
    // What was asked for by its very version goes on being that version.
    const [name] = candidates.namesOf(from);
    const own = { version: name === undefined ? from.version : name.target.version ?? LATEST };
    return { from, asked: { model: from.model, ...own, ...named, variant: from.variant } };
  });
}

function loadedOf(
  cache: ReloadDeps["cache"],
  { model, variant }: Pick<ReloadRequest, "model" | "variant">,
): ModelKey[] {
  return cache.stats().cached_models.filter((one) =>
    one.state === "loaded" && one.model === (model ?? one.model) && one.variant === (variant ?? one.variant)
  ).map(({ model, version, variant }) => ({ model, version, variant }));
}

/** Only what the model makes of the probe without an error is let in. */
async function tryOut(
  { runtime, metadata }: LoadedVariant,
  probe: ReloadRequest["probe"],
  signal: AbortSignal,
): Promise<void> {
  const [only] = metadata.inputs;
  const inputs = Array.isArray(probe) && only !== undefined
    ? { [only.name]: rowsFrom(probe, only) }
    : Object.fromEntries(metadata.inputs.map((spec) => {
      const input = (probe as Readonly<Record<string, readonly unknown[]>>)[spec.name] ?? [];
      return [spec.name, tensorFrom(input, spec)];
    }));
  await runtime.run({ kind: "tensors", inputs }, signal);
}

function reasonOf(error: LarderError): LarderError {
  return error.code === "RELOAD_FAILED" && error.cause instanceof LarderError ? error.cause : error;
}
