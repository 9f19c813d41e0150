import { formatModelRef, isLarderError, LarderError } from "../core/index.ts";
import type { LoadProgress, ModelKey } from "./types.ts";

const RETRY_S_MAX = 60;
/** When to ask again where nobody can know when a lease ends. */
const RETRY_FULL_S = 5;

/** Whole seconds, at least one: what `Retry-After` can say. */
export function retryAfterS(ms: number): number {
  return Math.min(Math.max(Math.ceil(ms / 1000), 1), RETRY_S_MAX);
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function modelTooLarge(id: string, bytes: number, bytesMax: number): LarderError {
  return new LarderError(
    "MODEL_TOO_LARGE",
    `Cannot load ${id}: it needs ${bytes} bytes of at most ${bytesMax}`,
    {
      hint: "Choose a smaller variant, or give models more memory.",
      details: { bytes, bytes_max: bytesMax },
    },
  );
}

/** Pinned models leave no room for it: no waiting helps. */
export function cacheBlocked(id: string, keeps: readonly string[]): LarderError {
  return new LarderError("CACHE_FULL", `Cannot load ${id}: there is no room beside ${keeps.join(", ")}`, {
    retryable: true,
    hint: "Unpin or unload a model, or allow more of them.",
    retryAfterS: RETRY_S_MAX,
    details: { kept: keeps },
  });
}

export function cacheInUse(id: string, inUse: readonly string[]): LarderError {
  return new LarderError("CACHE_FULL", `Cannot load ${id}: all models in memory are in use`, {
    retryable: true,
    retryAfterS: RETRY_FULL_S,
    details: { in_use: inUse },
  });
}

/** For whoever preloads: others are not to go for it. */
export function noFreeRoom(id: string): LarderError {
  return new LarderError(
    "CACHE_FULL",
    `Cannot preload ${id}: there is no room for it beside what is in memory`,
    {
      retryable: true,
      retryAfterS: RETRY_FULL_S,
    },
  );
}

export function gaveWay(id: string): LarderError {
  return new LarderError("CANCELLED", `Cannot go on preloading ${id}: a request needs its room`, {
    retryable: true,
  });
}

export interface LoadingFacts {
  readonly state: string;
  readonly elapsedMs: number;
  /** Judged by what such loads took so far. */
  readonly leftMs: number;
  readonly progress: LoadProgress | undefined;
}

export function modelLoading(id: string, { state, elapsedMs, leftMs, progress }: LoadingFacts): LarderError {
  return new LarderError("MODEL_LOADING", `Cannot use ${id} yet: it is ${state}`, {
    retryable: true,
    retryAfterS: retryAfterS(leftMs),
    details: { ...progress, state, elapsed_ms: Math.round(elapsedMs), expected_left_ms: Math.round(leftMs) },
  });
}

export function queueFull(id: string, waitersMax: number, waitMs: number): LarderError {
  return new LarderError(
    "MODEL_QUEUE_FULL",
    `Cannot wait for ${id}: ${waitersMax} requests wait for models`,
    {
      retryable: true,
      retryAfterS: retryAfterS(waitMs),
      details: { waiting: waitersMax },
    },
  );
}

interface Failed {
  readonly error: unknown;
  readonly failures: number;
  readonly crashes: number;
}

export function modelFailed(id: string, { error, failures }: Failed, refusedMs: number): LarderError {
  return new LarderError(
    "MODEL_FAILED",
    `Cannot use ${id} now: it failed ${failures} times, last: ${reasonOf(error)}`,
    {
      retryable: true,
      retryAfterS: retryAfterS(refusedMs),
      details: { ...codeOf(error), reason: reasonOf(error), failures },
      cause: error,
    },
  );
}

export function modelSetAside(id: string, { error, crashes }: Failed): LarderError {
  return new LarderError(
    "MODEL_SET_ASIDE",
    `Cannot use ${id}: it crashed ${crashes} times, last: ${reasonOf(error)}`,
    {
      hint: "Load it by hand to try it again.",
      details: { ...codeOf(error), reason: reasonOf(error), crashes },
      cause: error,
    },
  );
}

export function reloadFailed(oldKey: ModelKey, newKey: ModelKey, error: unknown): LarderError {
  const [kept, refused] = [formatModelRef(oldKey), formatModelRef(newKey)];
  return new LarderError("RELOAD_FAILED", `Cannot replace ${kept} by ${refused}: ${reasonOf(error)}`, {
    details: { ...codeOf(error), reason: reasonOf(error), kept, refused },
    cause: error,
  });
}

export function unloaded(id: string): LarderError {
  return new LarderError("CANCELLED", `Cannot load ${id}: it was unloaded meanwhile`);
}

export function cacheClosed(): LarderError {
  return new LarderError("SHUTTING_DOWN", "Cannot use a model: the cache is closed", { retryable: true });
}

function codeOf(error: unknown): { readonly code?: string } {
  return isLarderError(error) ? { code: error.code } : {};
}
