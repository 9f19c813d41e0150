import { type Clock, Semaphore, untilAborted } from "../core/index.ts";
import type { JoiningOptions } from "./joining/batches.ts";
import type { LoadLedger } from "./ledger/load-ledger.ts";
import { loadedModel } from "./loaded-model.ts";
import type { Libc } from "./native/libc.ts";
import { ensureNative, type NativePlace } from "./native/place.ts";
import { ownMemory } from "./native/process-memory.ts";
import type { GgufOptions, OnnxOptions } from "./options.ts";
import type { RunnerEnd } from "./runner/link.ts";
import type { EngineName, LoadAnswer } from "./runner/messages.ts";
import type { RunnerClient } from "./runner/runner-client.ts";
import type { StartedRunner, StartRunner } from "./runner/start-runner.ts";
import type { LoadedModel, LoadRequest, ModelMetadata } from "./types.ts";

/** Starting a thread or a process and loading libraries into it; far more than a busy machine needs. */
const OPEN_HANG_MS = 60_000;

export interface LoaderOptions {
  readonly folder: string;
  readonly libc: Libc;
  readonly ledger: LoadLedger;
  readonly start: StartRunner;
  readonly clock: Pick<Clock, "sleep">;
  /** Told how many rows each run had of a model whose requests may be joined. */
  readonly onRows?: (rows: number) => void;
  readonly limits: {
    readonly hangMs: number;
    readonly loadHangMs: number;
    readonly waitingMax: number;
  };
}

/** A load whose files and options have been looked at. */
export interface LoadJob extends Pick<LoadRequest, "label" | "isolation"> {
  readonly key: string;
  readonly engine: EngineName;
  /** The file that the runtime opens. */
  readonly path: string;
  readonly metadata: ModelMetadata;
  /** Of the engine. */
  readonly options: OnnxOptions | GgufOptions;
}

/** Puts models into runners: what was never loaded here goes into a process of its own first. */
export class ModelLoader {
  /** Native libraries set themselves up without locks, and all threads share them. */
  readonly #opening = new Semaphore(1);
  readonly #running = new Set<RunnerClient>();
  #native: Promise<NativePlace> | undefined;
  /** Counts up with every change of this process's memory that a load or its end makes. */
  #memoryChanges = 0;
  #memoryChanging = 0;

  constructor(private readonly options: LoaderOptions) {}

  /** @throws {LarderError} MODEL_BROKEN, MODEL_CRASHED, NOT_SUPPORTED, NO_MEMORY; and the reason of the signal. */
  async load(job: LoadJob, signal: AbortSignal, onDisposed: () => void): Promise<LoadedModel> {
    const { ledger } = this.options;
    const native = await untilAborted(this.#ensureNative(), signal);
    if (job.isolation === "process") return await this.#loadInProcess(job, native, signal, onDisposed);
    if (ledger.find(job.key)?.verdict !== "sound") await this.#probe(job, native, signal);
    return await this.#loadInThread(job, native, signal, onDisposed);
  }

  /** Ends every runner without waiting for it. */
  abandonAll(): void {
    for (const client of this.#running) client.abandon();
  }

  /** Loads it in a process of its own and lets go of it. Remembers how that went, unless it just failed. */
  async #probe(job: LoadJob, native: NativePlace, signal: AbortSignal): Promise<void> {
    const { runner } = this.#start("process", job, true);
    try {
      await this.#fill(runner, job, native, signal);
      await untilAborted(
        runner.client.call({ kind: "try" }, { hangMs: this.options.limits.loadHangMs }),
        signal,
      );
      this.options.ledger.noteSound(job.key, job.label);
    } finally {
      // What a process held is gone with it.
      runner.client.abandon();
    }
  }

  async #loadInProcess(
    job: LoadJob,
    native: NativePlace,
    signal: AbortSignal,
    onDisposed: () => void,
  ): Promise<LoadedModel> {
    const startedMs = performance.now();
    const { runner, settled } = this.#start("process", job, true);
    try {
      const answer = await this.#fill(runner, job, native, signal);
      this.options.ledger.noteSound(job.key, job.label);
      settled();
      return this.#model(job, runner, { answer, measuredBytes: 0, startedMs, onDisposed });
    } catch (error) {
      runner.client.abandon();
      throw error;
    }
  }

  async #loadInThread(
    job: LoadJob,
    native: NativePlace,
    signal: AbortSignal,
    onDisposed: () => void,
  ): Promise<LoadedModel> {
    const startedMs = performance.now();
    const over = this.options.ledger.begin(job.key, job.label);
    const measured = this.#measure();
    const { runner } = this.#start("thread", job, false);
    try {
      const answer = await this.#fill(runner, job, native, signal);
      const measuredBytes = Math.max(measured() ?? 0, job.metadata.weightBytes);
      return this.#model(job, runner, {
        ...{ answer, measuredBytes, startedMs },
        onDisposed: () => {
          this.#memoryChanges++;
          // Soon, not now: what the model's messages left in JavaScript's own heap goes too.
          Bun.gc(false);
          this.options.libc.trim();
          onDisposed();
        },
      });
    } catch (error) {
      measured();
      // Native code may still be at it, and has to come to its end.
      const closing = runner.client.close(this.options.limits.loadHangMs).catch(() => {});
      if (!signal.aborted) await closing;
      throw error;
    } finally {
      over();
    }
  }

  /** @param isCertain A signal that ends the runner while it loads is the model's doing, and would come again. */
  #start(isolation: "thread" | "process", job: LoadJob, isCertain: boolean) {
    let isLoading = true;
    const onLost = ({ what, signal }: RunnerEnd) => {
      // A process that is killed is mostly one that took too much memory: another time there may be more.
      const isCause = isCertain && isLoading && signal !== undefined && signal !== "SIGKILL";
      this.options.ledger.noteCrash(job.key, job.label, what, isCause);
    };
    const onOver = () => void this.#running.delete(runner.client);
    const runner = this.options.start(isolation, job.label, { onLost, onOver });
    this.#running.add(runner.client);
    const settled = () => {
      isLoading = false;
    };
    return { runner, settled };
  }

  async #fill(
    { client, busy }: StartedRunner,
    { engine, path, metadata, options }: LoadJob,
    native: NativePlace,
    signal: AbortSignal,
  ): Promise<LoadAnswer> {
    const order = { kind: "open", engine, native, isAlone: busy === undefined } as const;
    const open = () => client.open(busy ? { ...order, busy: busy.shared } : order, { hangMs: OPEN_HANG_MS });
    await (busy ? this.#opening.run(open, signal) : untilAborted(open(), signal));
    signal.throwIfAborted();
    const hangMs = this.options.limits.loadHangMs;
    const loading = client.load({ kind: "load", path, metadata, options }, { hangMs, signal });
    return await untilAborted(loading, signal);
  }

  #model(
    job: LoadJob,
    { client }: StartedRunner,
    made: { answer: LoadAnswer; measuredBytes: number; startedMs: number; onDisposed: () => void },
  ): LoadedModel {
    const { hangMs, waitingMax } = this.options.limits;
    const { startedMs, ...rest } = made;
    const { label, metadata } = job;
    const joining = this.#joining(job);
    return loadedModel({
      ...rest,
      ...(joining && { joining }),
      label,
      metadata,
      runner: client,
      hangMs,
      waitingMax,
      loadMs: performance.now() - startedMs,
    });
  }

  #joining({ options }: LoadJob): JoiningOptions | undefined {
    if (!("max_batch" in options) || options.max_batch === 1) return undefined;
    const { clock, onRows } = this.options;
    return {
      rowsMax: options.max_batch,
      delayMs: options.max_delay_ms,
      clock,
      ...(onRows && { onRows }),
    };
  }

  #ensureNative(): Promise<NativePlace> {
    this.#native ??= ensureNative(this.options.folder).catch((error) => {
      this.#native = undefined;
      throw error;
    });
    return this.#native;
  }

  /** @returns Tells once by how much this process has grown; undefined when other loads or their ends came between. */
  #measure(): () => number | undefined {
    const before = ownMemory();
    const changes = ++this.#memoryChanges;
    const isAlone = this.#memoryChanging++ === 0;
    let isOver = false;
    return () => {
      if (isOver) return undefined;
      isOver = true;
      this.#memoryChanging--;
      return isAlone && changes === this.#memoryChanges ? ownMemory() - before : undefined;
    };
  }
}
