import { type Clock, isLarderError, LarderError, redactAddress, Semaphore } from "../core/index.ts";
import type { DownloadProgress } from "../download/index.ts";
import type { FileSource, PullFileRow, PullRow, PullState, VersionFile } from "../registry/index.ts";
import type { FetchedBlob } from "./file-fetcher.ts";
import { Rate } from "./progress.ts";
import { isStorable, type PlannedFile, type PullPlan } from "./pull-plan.ts";
import type { SharedTransfers } from "./shared-transfers.ts";
import type { PullFileView, PullView } from "./types.ts";
import type { VersionWriter } from "./version-writer.ts";
import { Changes } from "./watch.ts";

/** Files of one pull that are fetched side by side. */
const FETCHES_AT_ONCE = 16;
/** Files of one pull that are under way: fetched, or waiting to be flushed and recorded together with others. */
const FILES_AT_ONCE = 64;
/** States that end a watch: nothing changes any more until somebody asks for it. */
export const RESTING: ReadonlySet<PullState> = new Set<PullState>(["done", "failed", "cancelled", "paused"]);

export interface PullRunDeps {
  readonly transfers: Pick<SharedTransfers, "run">;
  readonly versions: Pick<VersionWriter, "add">;
  readonly clock: Clock;
}

interface FileState {
  readonly planned: PlannedFile;
  state: PullState;
  progress: DownloadProgress | undefined;
  blob: FetchedBlob | undefined;
}

type StopState = Extract<PullState, "paused" | "cancelled" | "queued">;

/** One pull while this process works on it: its files, its progress and its state. */
export class PullRun {
  readonly changes = new Changes();
  readonly #files: FileState[];
  readonly #rate: Rate;
  readonly #controller = new AbortController();
  #bytesFetched = 0;
  readonly #fetching = new Semaphore(FETCHES_AT_ONCE);
  #state: PullState = "queued";
  #error: LarderError | undefined;
  #version: string | undefined;
  #finishedAtS: number | undefined;
  #stoppedAs: StopState | undefined;

  constructor(
    readonly id: string,
    readonly plan: PullPlan,
    private readonly createdAtS: number,
    private readonly deps: PullRunDeps,
  ) {
    this.#files = plan.files.map((planned) => ({
      planned,
      state: "queued",
      progress: undefined,
      blob: undefined,
    }));
    this.#rate = new Rate(deps.clock);
    this.#version = plan.version;
  }

  get state(): PullState {
    return this.#state;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Fetches all files and writes the version. Never throws: how it went is the state. */
  async run(): Promise<void> {
    this.#enter("running");
    try {
      await this.#fetchAll();
      this.#enter("done");
    } catch (error) {
      if (this.#stoppedAs !== undefined) this.#enter(this.#stoppedAs);
      else this.#fail(error);
    }
  }

  /** Ends it early; what was fetched stays unless nobody will ask for it again. `queued` means: goes on with the next start. */
  stop(state: StopState, reason: LarderError): void {
    this.#stoppedAs ??= state;
    this.#controller.abort(reason);
    if (this.#state === "queued") this.#enter(state);
  }

  view(): PullView {
    const bytesDone = this.#bytesDone();
    const bytesTotal = this.#bytesTotal();
    const eta = bytesTotal === null || this.#state !== "running"
      ? undefined
      : this.#rate.etaS(Math.max(0, bytesTotal - bytesDone));
    return {
      id: this.id,
      model: this.plan.model,
      version: this.#version ?? null,
      variant: this.plan.variant,
      state: this.#state,
      bytes_done: bytesDone,
      bytes_total: bytesTotal,
      rate_bytes_per_s: this.#state === "running" ? Math.round(this.#rate.bytesPerS) : 0,
      eta_s: eta === undefined ? null : Math.round(eta * 10) / 10,
      created_at: this.createdAtS,
      finished_at: this.#finishedAtS ?? null,
      files: this.#files.map(fileView),
      error: this.#error?.toRecord() ?? null,
    };
  }

  row(): PullRow {
    const updatedAtS = this.deps.clock.nowS();
    return {
      id: this.id,
      model: this.plan.model,
      ...(this.#version === undefined ? {} : { version: this.#version }),
      variant: this.plan.variant,
      state: this.#state,
      createdAtS: this.createdAtS,
      updatedAtS,
      ...(this.#finishedAtS === undefined ? {} : { finishedAtS: this.#finishedAtS }),
      ...(isStorable(this.plan) ? { request: this.plan } : {}),
      ...(this.#error === undefined ? {} : { error: this.#error.toRecord() }),
      files: this.#files.map(fileRow),
    };
  }

  async #fetchAll(): Promise<void> {
    const unpins: Array<() => void> = [];
    const queue = [...this.#files];
    const workers = Array.from({ length: Math.min(FILES_AT_ONCE, queue.length) }, async () => {
      for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
        unpins.push(await this.#fetchOne(file));
      }
    });
    try {
      await this.#allOrStop(workers);
      this.#version = await this.deps.versions.add({
        model: this.plan.model,
        ...(this.plan.version === undefined ? {} : { version: this.plan.version }),
        variant: this.plan.variant,
        aliases: this.plan.aliases,
        files: this.#files.map(versionFile),
      });
    } finally {
      for (const unpin of unpins) unpin();
    }
  }

  /** The first failure ends the others; all have ended before it is thrown. */
  async #allOrStop(workers: ReadonlyArray<Promise<void>>): Promise<void> {
    let failure: unknown;
    await Promise.all(workers.map((worker) =>
      worker.catch((error: unknown) => {
        failure ??= error;
        this.#controller.abort(error);
      })
    ));
    if (failure !== undefined) throw failure;
  }

  async #fetchOne(file: FileState): Promise<() => void> {
    const endFetching = await this.#fetching.acquire(this.#controller.signal);
    file.state = "running";
    try {
      const { unpin, ...blob } = await this.deps.transfers.run(file.planned, {
        signal: this.#controller.signal,
        group: this.id,
        onProgress: (progress) => {
          this.#onProgress(file, progress);
          // What is left is the disk's: the next file may be fetched meanwhile.
          if (progress.bytesDone === progress.totalBytes) endFetching();
        },
      });
      file.blob = blob;
      file.state = "done";
      this.changes.notify();
      return unpin;
    } catch (error) {
      file.state = this.#stoppedAs ?? (this.#controller.signal.aborted ? "cancelled" : "failed");
      throw error;
    } finally {
      endFetching();
    }
  }

  #onProgress(file: FileState, progress: DownloadProgress): void {
    this.#bytesFetched += progress.bytesFetched - (file.progress?.bytesFetched ?? 0);
    file.progress = progress;
    this.#rate.update(this.#bytesFetched);
    this.changes.notify();
  }

  #fail(error: unknown): void {
    this.#error = isLarderError(error)
      ? error
      : new LarderError("IO", "Cannot finish this pull: something unexpected happened", {
        hint: "See the log.",
        cause: error,
      });
    this.#enter("failed");
  }

  get cause(): unknown {
    return this.#error?.cause;
  }

  #enter(state: PullState): void {
    this.#state = state;
    if (state === "done" || state === "failed" || state === "cancelled") {
      this.#finishedAtS = this.deps.clock.nowS();
    }
    if (RESTING.has(state)) this.changes.end();
    else this.changes.notify();
  }

  #bytesDone(): number {
    return this.#files.reduce((sum, file) => sum + fileBytesDone(file), 0);
  }

  #bytesTotal(): number | null {
    let sum = 0;
    for (const file of this.#files) {
      const bytes = fileBytesTotal(file);
      if (bytes === undefined) return null;
      sum += bytes;
    }
    return sum;
  }
}

function fileBytesDone(file: FileState): number {
  return file.blob?.sizeBytes ?? file.progress?.bytesDone ?? 0;
}

function fileBytesTotal(file: FileState): number | undefined {
  return file.blob?.sizeBytes ?? file.progress?.totalBytes ?? file.planned.sizeBytes;
}

function fileView(file: FileState): PullFileView {
  return {
    path: file.planned.path,
    url: redactAddress(file.planned.urls[0] ?? ""),
    state: file.state,
    sha256: file.blob?.digest ?? file.planned.digest ?? null,
    bytes_done: fileBytesDone(file),
    bytes_total: fileBytesTotal(file) ?? null,
    bytes_fetched: file.blob?.bytesFetched ?? file.progress?.bytesFetched ?? 0,
    connections: file.state === "running" ? file.progress?.connections ?? 0 : 0,
    resumable: file.progress?.resumable ?? null,
  };
}

function fileRow(file: FileState): PullFileRow {
  const digest = file.blob?.digest ?? file.planned.digest;
  const sizeBytes = fileBytesTotal(file);
  return {
    path: file.planned.path,
    urls: file.planned.urls.map(redactAddress),
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    ...(digest === undefined ? {} : { digest }),
    bytesDone: fileBytesDone(file),
    state: file.state,
  };
}

function versionFile(file: FileState): VersionFile {
  if (file.blob === undefined) throw new Error(`no blob for ${file.planned.path}`);
  const { encoding, urls, path } = file.planned;
  const sources = urls.map((address): FileSource => ({
    kind: "url",
    location: redactAddress(address),
    ...(encoding === undefined ? {} : { encoding }),
  }));
  return { path, digest: file.blob.digest, sizeBytes: file.blob.sizeBytes, sources };
}
