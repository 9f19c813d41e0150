import { join } from "node:path";
import { type Clock, LarderError, systemClock } from "../core/index.ts";
import { checkFolder, type Inspection, inspectModel } from "./headers/index.ts";
import { openFileLedger } from "./ledger/file-ledger.ts";
import type { LoadLedger } from "./ledger/load-ledger.ts";
import { type CrashLimit, refuseSetAside } from "./ledger/set-aside.ts";
import { loadKey } from "./load-key.ts";
import { ModelLoader } from "./model-loader.ts";
import { mappedModel } from "./mapped.ts";
import { openLibc } from "./native/libc.ts";
import { NATIVE_BUILD } from "./native/place.ts";
import { parseOptions } from "./options.ts";
import { NATIVE_ENVIRONMENT, runnerStarter, type StartOptions } from "./runner/start-runner.ts";
import type { LoadedModel, LoadRequest, ModelFile, Runtimes } from "./types.ts";

export interface RuntimeLimits extends CrashLimit {
  /** A call is given up when nothing at all is heard of a model for so long. */
  readonly hangMs: number;
  /** The same for a load. */
  readonly loadHangMs: number;
  /** Calls of one model that may wait for their turn. */
  readonly waitingMax: number;
  /** How long closing waits for calls that are under way. */
  readonly closeMs: number;
}

const DEFAULT_LIMITS: RuntimeLimits = {
  crashLimit: 3,
  crashWindowS: 24 * 3600,
  hangMs: 5 * 60_000,
  loadHangMs: 15 * 60_000,
  waitingMax: 1024,
  closeMs: 3_000,
};

/** Weights of a layer are mostly larger, and what a single run needs between its layers mostly smaller. */
const MAP_THRESHOLD_BYTES = 4 * 1024 * 1024;

export interface RuntimesOptions extends Partial<RuntimeLimits>, Omit<StartOptions, "folder"> {
  /** Native libraries and what is remembered of loads lie in `<home>/runtimes`. Nothing is written elsewhere. */
  readonly home: string;
  readonly inspect?: (files: readonly ModelFile[], signal?: AbortSignal) => Promise<Inspection>;
  readonly ledger?: LoadLedger;
  readonly clock?: Clock;
  /** Told how many rows each run had of a model whose requests may be joined. */
  readonly onRows?: (rows: number) => void;
}

export interface LocalRuntimes extends Runtimes {
  /** Takes back what is held against files that crashed, so that they are tried again. */
  forget(files: readonly ModelFile[]): void;
}

/**
 * The runtimes of this machine. Native code runs in threads and processes that are started when they are needed; nothing of
 * it is unpacked or loaded before.
 *
 * @throws {LarderError} When `<home>/runtimes` cannot be made.
 */
export function createRuntimes(options: RuntimesOptions): LocalRuntimes {
  return new LocalRuntimesImpl(options);
}

class LocalRuntimesImpl implements LocalRuntimes {
  readonly #limits: RuntimeLimits;
  readonly #clock: Clock;
  readonly #inspect: NonNullable<RuntimesOptions["inspect"]>;
  readonly #ledger: LoadLedger;
  readonly #loader: ModelLoader;
  readonly #loaded = new Set<LoadedModel>();
  readonly #loading = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();

  constructor(
    { home, inspect = inspectModel, ledger, clock = systemClock, command, startThread, onRows, ...limits }:
      RuntimesOptions,
  ) {
    const folder = join(home, "runtimes");
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
    this.#clock = clock;
    this.#inspect = inspect;
    this.#ledger = ledger ?? openFileLedger({ folder, build: NATIVE_BUILD, nowS: () => clock.nowS() });
    const libc = openLibc();
    for (const [name, value] of Object.entries(NATIVE_ENVIRONMENT)) libc.setEnvironment(name, value);
    libc.setMapThreshold(MAP_THRESHOLD_BYTES);
    this.#loader = new ModelLoader({
      folder,
      libc,
      ledger: this.#ledger,
      limits: this.#limits,
      clock,
      ...(onRows && { onRows }),
      start: runnerStarter({ folder, ...(command && { command }), ...(startThread && { startThread }) }),
    });
  }

  async inspect(files: readonly ModelFile[]) {
    return (await this.#inspect(files)).metadata;
  }

  load(request: LoadRequest, signal?: AbortSignal): Promise<LoadedModel> {
    const loading = this.#load(request, AbortSignal.any([this.#closing.signal, ...(signal ? [signal] : [])]));
    this.#loading.add(loading);
    const forget = () => void this.#loading.delete(loading);
    loading.then(forget, forget);
    return loading;
  }

  get waiting(): number {
    return this.#loaded.values().reduce((sum, model) => sum + model.waiting, 0);
  }

  forget(files: readonly ModelFile[]): void {
    this.#ledger.forget(loadKey(files));
  }

  async close(): Promise<void> {
    this.#closing.abort(
      new LarderError("SHUTTING_DOWN", "Cannot load: the program is stopping", { retryable: true }),
    );
    await Promise.allSettled(this.#loading);
    const disposed = Promise.allSettled([...this.#loaded].map((model) => model.dispose()));
    const late = setTimeout(() => this.#loader.abandonAll(), this.#limits.closeMs);
    await disposed;
    clearTimeout(late);
  }

  async #load(request: LoadRequest, signal: AbortSignal): Promise<LoadedModel> {
    try {
      signal.throwIfAborted();
      const { metadata, entry, weights } = await this.#inspect(request.files, signal);
      const { runtime } = metadata;
      if (runtime === "mapped") return mappedModel(request.label, metadata);
      const options = parseOptions(runtime, request.options);
      await checkFolder(request.folder, weights);
      const key = loadKey(request.files);
      refuseSetAside(request.label, this.#ledger.find(key), this.#limits, this.#clock.nowS());
      const path = join(request.folder, entry.path);
      const job = { ...request, options, key, path, metadata, engine: runtime };
      const model = await this.#loader.load(job, signal, () => void this.#loaded.delete(model));
      this.#loaded.add(model);
      model.lost.catch(() => this.#loaded.delete(model));
      return model;
    } catch (error) {
      throw signal.aborted && error === signal.reason ? cancelled(error) : error;
    }
  }
}

function cancelled(reason: unknown): unknown {
  if (reason instanceof LarderError) return reason;
  return new LarderError("CANCELLED", "Cannot load: the caller has left", { cause: reason });
}
