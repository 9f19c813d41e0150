import type { ModelCache, ModelKey } from "../../cache/index.ts";
import { type Clock, isLarderError, LarderError } from "../../core/index.ts";
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
  /** Leaves alone what its name still stands for. */
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
  for (const { from, asked } of plan(deps, request)) {
    const startMs = deps.clock.monotonicMs();
    let to = from;
    try {
      to = deps.candidates.meantBy(asked)[0] ?? from;
      if (onlyMoved && from.version === to.version) continue;
      await deps.cache.replace(from, to, {
        ...options,
        ...(request.probe === undefined
          ? {}
          : { check: (model, signal) => tryOut(model, request.probe, signal) }),
      });
      deps.trials.begin(from, to);
      const ms = Math.round(deps.clock.monotonicMs() - startMs);
      reloaded.push({ model: to.model, from: from.version, to: to.version, variant: to.variant, ms });
    } catch (error) {
      if (!isLarderError(error)) throw error;
      const { model, version, variant } = to;
      failed.push({ model, version, variant, error: reasonOf(error).toRecord() });
    } finally {
      deps.candidates.settle(to.model);
    }
  }
  return { reloaded, failed };
}

interface Planned {
  readonly from: ModelKey;
  /** What should be there instead. */
  readonly asked: ModelTarget;
}

/** What of the cache is meant; a model that is not loaded is loaded. */
function plan({ cache, candidates }: ReloadDeps, { model, version, variant }: ReloadRequest): Planned[] {
  const loaded = cache.stats().cached_models.filter((one) =>
    one.state === "loaded" && one.model === (model ?? one.model) && one.variant === (variant ?? one.variant)
  );
  const named = version === undefined ? {} : { version };
  if (loaded.length === 0 && model !== undefined) {
    const asked = { model, ...named, ...(variant === undefined ? {} : { variant }) };
    return candidates.meantBy(asked).slice(0, 1).map((from) => ({ from, asked }));
  }
  return loaded.map((one) => {
    const from = { model: one.model, version: one.version, variant: one.variant };
    // What was asked for by its very version goes on being that version.
    const stays = version === undefined && !candidates.isMoving(from) ? { version: one.version } : named;
    return { from, asked: { model: one.model, ...stays, variant: one.variant } };
  });
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
