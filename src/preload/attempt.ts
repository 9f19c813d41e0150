import { formatModelRef, isLarderError, type LarderError, logger } from "../core/index.ts";
import type { FoundVariant, Models, ModelTarget } from "../library/index.ts";
import type { Ranked } from "./strategies/index.ts";

const log = logger("preload");

/** Why a model was skipped: `loaded` is what was wanted, `loading` and `repair` soon may be. */
export type SkipKind = "loaded" | "loading" | "repair" | "absent" | "room" | "aside";

export type Outcome =
  | { readonly kind: "loaded"; readonly loadMs: number }
  | { readonly kind: "skipped"; readonly why: SkipKind; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "gave_way"; readonly reason: string };

/** Of the models in memory, what preloading asks. */
export interface PreloadModels extends Pick<Models, "load" | "cacheStats"> {
  explain(target: ModelTarget): Promise<Pick<Explained, "outcome" | "key" | "estimated_bytes">>;
}

type Explained = Awaited<ReturnType<Models["explain"]>>;

export interface AttemptDeps {
  readonly models: PreloadModels;
  readonly nowMs: () => number;
}

/**
 * Loads a model if there is room for it as it is.
 *
 * @throws The signal's reason; SHUTTING_DOWN.
 */
export async function preloadOne(
  deps: AttemptDeps,
  { found }: Ranked,
  signal: AbortSignal,
): Promise<Outcome> {
  if (found === undefined) return skipped("absent", "is not here");
  try {
    const reason = await reasonAgainst(deps, found);
    return reason ?? await load(deps, found, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (isLarderError(error, "SHUTTING_DOWN")) throw error;
    return isLarderError(error) ? outcomeOf(error) : bug(found, error);
  }
}

async function load(
  { models, nowMs }: AttemptDeps,
  found: FoundVariant,
  signal: AbortSignal,
): Promise<Outcome> {
  const startMs = nowMs();
  await models.load(targetOf(found), { isPreload: true, deadlineMs: Infinity, signal });
  return { kind: "loaded", loadMs: Math.round(nowMs() - startMs) };
}

async function reasonAgainst({ models }: AttemptDeps, found: FoundVariant): Promise<Outcome | undefined> {
  const { outcome, key = "", estimated_bytes } = await models.explain(targetOf(found));
  switch (outcome) {
    case "fits":
      return undefined;
    case "loaded":
      return skipped("loaded", "is loaded");
    case "loading":
      return skipped("loading", "is being loaded");
    case "refused":
      return skipped("aside", whyRefused(models, key));
    case "too_large":
      return skipped("room", `does not fit: it needs ${estimated_bytes} bytes, more than models may take`);
    case "evicts":
    case "waits":
    case "blocked":
      return skipped("room", `does not fit: it needs ${estimated_bytes} bytes beside what is in memory`);
  }
}

function whyRefused(models: Pick<Models, "cacheStats">, key: string): string {
  const failure = models.cacheStats().failed_models.find((one) => one.key === key);
  const what = failure?.set_aside === false ? "failed before, and is refused for a while" : "was put aside";
  return failure === undefined ? what : `${what}: ${failure.reason}`;
}

function outcomeOf({ code, message }: LarderError): Outcome {
  switch (code) {
    case "CANCELLED":
      return { kind: "gave_way", reason: message };
    case "CACHE_FULL":
    case "MODEL_TOO_LARGE":
      return skipped("room", `does not fit: ${message}`);
    case "MODEL_FAILED":
    case "MODEL_SET_ASIDE":
      return skipped("aside", `was put aside: ${message}`);
    case "BLOB_REPAIRING":
      return skipped("repair", `is being repaired: ${message}`);
    case "MODEL_NOT_FOUND":
    case "VERSION_NOT_FOUND":
    case "VARIANT_NOT_FOUND":
      return skipped("absent", `is not here: ${message}`);
    default:
      return { kind: "failed", reason: message };
  }
}

/** Nobody waits for it who could be told. */
function bug(found: FoundVariant, error: unknown): Outcome {
  log.error("Preloading {model} failed: {error}", { model: formatModelRef(targetOf(found)), error });
  return { kind: "failed", reason: String(error) };
}

function skipped(why: SkipKind, reason: string): Outcome {
  return { kind: "skipped", why, reason };
}

/** By its very version: that is what was looked at. */
function targetOf({ model, version, variant }: FoundVariant) {
  return { model, version, variant };
}
