import type { Lease, ModelCache, ModelKey } from "../../cache/index.ts";
import {
  type Backoff,
  backoffMs,
  type Clock,
  type ErrorCode,
  isLarderError,
  LarderError,
} from "../../core/index.ts";
import type { CallOptions, ModelTarget, ServedBy } from "../model-types.ts";
import type { Candidates } from "./candidates.ts";
import { labelOf, type LoadedVariant } from "./model-loader.ts";
import type { Trials } from "./trials.ts";

/** Tries of one key whose failure may pass. */
const TRIES = 3;
const BACKOFF: Backoff = { baseMs: 100, maxMs: 2000 };

/** These are about the model itself: an earlier version, or a smaller variant, may still do. */
const FALLS_BACK: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ...["MODEL_BROKEN", "MODEL_CRASHED", "MODEL_FAILED", "MODEL_SET_ASIDE"] as const,
  ...["MODEL_TOO_LARGE", "NO_MEMORY", "NOT_SUPPORTED", "BLOB_DAMAGED", "BLOB_MISSING"] as const,
  ...["BLOB_REPAIRING", "IO"] as const,
]);

const UNREACHABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ...["DNS", "TLS", "PROXY", "UPSTREAM_UNREACHABLE", "UPSTREAM_TIMEOUT", "OFFLINE"] as const,
]);

export interface AcquireDeps {
  readonly cache: ModelCache<LoadedVariant>;
  readonly candidates: Candidates;
  /** Pulls what is not here, where that is allowed. */
  readonly ensure: (target: ModelTarget, signal: AbortSignal | undefined) => Promise<boolean>;
  readonly trials: Pick<Trials, "rejection">;
  readonly clock: Clock;
}

/** A model in use, and what it was taken for. */
export interface Acquired extends Disposable {
  readonly lease: Lease<LoadedVariant>;
  readonly by: ServedBy;
  /** Until it could be used, in milliseconds. */
  readonly loadMs: number;
}

/**
 * The model asked for, loaded if it is not; else what may stand in for it.
 *
 * @throws {LarderError} The first candidate's error when none can be loaded; what waiting ends with.
 */
export function acquireModel(
  deps: AcquireDeps,
  target: ModelTarget,
  options: CallOptions,
): Acquired | Promise<Acquired> {
  const [first] = candidatesNow(deps, target) ?? [];
  const isUsable = first !== undefined && !options.isPreload && deps.trials.rejection(first) === undefined;
  const lease = isUsable ? deps.cache.tryAcquire(first) : undefined;
  if (lease === undefined) return acquireSlowly(deps, target, options);
  return new InUse(lease, servedBy(lease.key), 0);
}

function candidatesNow({ candidates }: AcquireDeps, target: ModelTarget): readonly ModelKey[] | undefined {
  try {
    return candidates.of(target);
  } catch {
    // What is not here may be pulled; if not, the same error comes again.
    return undefined;
  }
}

async function acquireSlowly(
  deps: AcquireDeps,
  target: ModelTarget,
  options: CallOptions,
): Promise<Acquired> {
  const { clock } = deps;
  const { isPreload = false } = options;
  const startMs = clock.monotonicMs();
  if (!isPreload && candidatesNow(deps, target) === undefined) await pullFirst(deps, target, options.signal);
  let failure: { readonly key: ModelKey; readonly error: LarderError } | undefined;
  for (const key of deps.candidates.of(target).slice(0, isPreload ? 1 : undefined)) {
    try {
      const rejection = deps.trials.rejection(key);
      if (rejection !== undefined) throw rejection;
      const lease = await acquireKey(deps, key, options);
      const by = failure === undefined ? servedBy(key) : fellBack(key, failure);
      return new InUse(lease, by, clock.monotonicMs() - startMs);
    } catch (error) {
      const isItsOwn = error === deps.trials.rejection(key);
      if (!isLarderError(error) || (!isItsOwn && !FALLS_BACK.has(error.code))) throw error;
      failure ??= { key, error };
    }
  }
  throw failure?.error;
}

/** A hub that cannot be asked is no answer to a name that nobody here knows: that one is, and the hub's trouble a detail of it. */
async function pullFirst(
  { ensure, candidates }: AcquireDeps,
  target: ModelTarget,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await ensure(target, signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (!isLarderError(error) || !UNREACHABLE.has(error.code)) throw error;
    try {
      candidates.of(target);
    } catch (missing) {
      if (!isLarderError(missing)) throw missing;
      throw new LarderError(
        missing.code,
        `${missing.message}, and the hub cannot be asked: ${error.message}`,
        {
          ...(missing.field === undefined ? {} : { field: missing.field }),
          hint: "Check the name, or pull it when the hub can be reached.",
          details: { hub: error.code },
        },
      );
    }
  }
}

/** What may pass is tried again, with growing pauses. */
async function acquireKey(
  { cache, clock }: AcquireDeps,
  key: ModelKey,
  options: CallOptions,
): Promise<Lease<LoadedVariant>> {
  for (let failed = 1;; failed++) {
    try {
      return await cache.acquire(key, options);
    } catch (error) {
      const mayPass = isLarderError(error) && error.code === "IO" && error.retryable;
      if (!mayPass || failed >= TRIES) throw error;
      await clock.sleep(backoffMs(failed - 1, BACKOFF), options.signal);
    }
  }
}

class InUse implements Acquired {
  constructor(readonly lease: Lease<LoadedVariant>, readonly by: ServedBy, readonly loadMs: number) {}

  [Symbol.dispose](): void {
    this.lease.release();
  }
}

function servedBy({ model, version, variant }: ModelKey): ServedBy {
  return { model, version, variant };
}

function fellBack(key: ModelKey, { key: asked, error }: { key: ModelKey; error: LarderError }): ServedBy {
  return { ...servedBy(key), fallback: { asked: labelOf(asked), error: error.toRecord() } };
}
