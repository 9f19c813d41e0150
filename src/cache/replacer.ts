import type { LarderError } from "../core/index.ts";
import { reloadFailed, unloaded } from "./cache-errors.ts";
import type { Entry } from "./entry.ts";
import type { LoadJob } from "./load-job.ts";
import type { Loads } from "./loads.ts";
import { NOTHING_TO_UNLOAD } from "./residents.ts";
import type { Shelf } from "./shelf.ts";
import type { ModelKey, ReplaceOptions, Unloading } from "./types.ts";

const NEVER = new AbortController().signal;

export interface ReplacerDeps<M> {
  readonly shelf: Shelf<M>;
  readonly loads: Loads<M>;
  readonly begin: (key: ModelKey) => LoadJob<M>;
}

/** Changes one model for another while the old one serves. */
export class Replacer<M> {
  constructor(private readonly deps: ReplacerDeps<M>) {}

  /** The old one is held: it stays until its successor is there, or for good. */
  async replace(oldKey: ModelKey, newKey: ModelKey, options: ReplaceOptions<M>): Promise<Unloading> {
    const { shelf } = this.deps;
    const [old, ready] = [shelf.residents.find(oldKey), shelf.residents.find(newKey)];
    const refuse = (error: unknown) => keepOld(old, reloadFailed(oldKey, newKey, error));
    const swap = (successor: Entry<M>) => {
      options.onSwap?.();
      if (old !== undefined) shelf.swap(old, successor);
    };
    old?.hold();
    try {
      if (ready === undefined || ready === old) {
        await this.#loadBeside(old, newKey, { ...options, refuse, swap });
      } else {
        await tryOut(ready, { ...options, refuse, swap });
      }
    } finally {
      old?.release();
    }
    if (old === undefined) return NOTHING_TO_UNLOAD;
    return { found: true, leases: old.leases, done: old.gone.promise };
  }

  async #loadBeside(old: Entry<M> | undefined, newKey: ModelKey, attempt: Attempt<M>): Promise<void> {
    const { check, refuse, swap, ...wait } = attempt;
    const job = this.deps.loads.find(newKey) ?? this.deps.begin(newKey);
    const swapped = Promise.withResolvers<void>();
    const onReady = (entry: Entry<M>) => swapped.resolve(Promise.try(swap, entry));
    job.onReady.add(onReady);
    job.check ??= check;
    if (old !== undefined) job.replaced.add(old);
    try {
      using _lease = await job.waiters.wait(wait);
      await swapped.promise;
    } catch (error) {
      job.onReady.delete(onReady);
      if (old !== undefined) job.replaced.delete(old);
      throw error === job.failure ? refuse(error) : error;
    }
  }
}

interface Attempt<M> extends ReplaceOptions<M> {
  readonly refuse: (error: unknown) => Error;
  readonly swap: (successor: Entry<M>) => void;
}

async function tryOut<M>(
  ready: Entry<M>,
  { check, refuse, swap, signal = NEVER }: Attempt<M>,
): Promise<void> {
  using lease = ready.lease();
  try {
    await check?.(lease.model, signal);
    signal.throwIfAborted();
    if (ready.state !== "loaded") throw unloaded(ready.id);
  } catch (error) {
    throw signal.aborted ? error : refuse(error);
  }
  swap(ready);
}

/** Its status tells why. */
function keepOld(old: Entry<unknown> | undefined, failed: LarderError): LarderError {
  if (old !== undefined) old.reloadError = failed;
  return failed;
}
