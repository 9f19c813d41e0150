import { redactAddress, Semaphore } from "../core/index.ts";
import type { DownloadProgress } from "../download/index.ts";
import type { FileRow, FileSource, PullFileRow, PullState, VersionFile } from "../registry/index.ts";
import type { FetchedBlob } from "./file-fetcher.ts";
import type { PlannedFile } from "./pull-plan.ts";
import type { SharedTransfers } from "./shared-transfers.ts";
import type { PullFileView } from "./types.ts";

/** Files of one pull that are fetched side by side. */
const FETCHES_AT_ONCE = 16;
/** Files of one pull that are under way: fetched, or waiting to be flushed and recorded together with others. */
const FILES_AT_ONCE = 64;

interface FileState {
  readonly planned: PlannedFile;
  state: PullState;
  progress: DownloadProgress | undefined;
  blob: FetchedBlob | undefined;
}

export interface FetchAllOptions {
  /** Ends everything; its reason is thrown. */
  readonly signal: AbortSignal;
  readonly group: string;
  /** What a file that was stopped is called. */
  readonly stoppedAs: () => PullState | undefined;
  /** After every change; with how many bytes came over the network since the last. */
  readonly onChange: (bytesFetched: number) => void;
}

/** The files that a pull fetches for one variant, side by side, each with its state. */
export class PullFiles {
  readonly #files: readonly FileState[];
  readonly #fetching = new Semaphore(FETCHES_AT_ONCE);

  constructor(files: readonly PlannedFile[], private readonly transfers: Pick<SharedTransfers, "run">) {
    this.#files = files.map((planned) => ({
      planned,
      state: "queued",
      progress: undefined,
      blob: undefined,
    }));
  }

  get bytesDone(): number {
    return this.#files.reduce((sum, file) => sum + fileBytesDone(file), 0);
  }

  /** Null while the length of some file is not known. */
  get bytesTotal(): number | null {
    let sum = 0;
    for (const file of this.#files) {
      const bytes = fileBytesTotal(file);
      if (bytes === undefined) return null;
      sum += bytes;
    }
    return sum;
  }

  views(): PullFileView[] {
    return this.#files.map(fileView);
  }

  rows(): PullFileRow[] {
    return this.#files.map(fileRow);
  }

  /** What a version is made of, when all are there. */
  versionFiles(): VersionFile[] {
    return this.#files.map(versionFile);
  }

  /** All are here already, as files of a version that is. */
  settle(present: readonly FileRow[]): void {
    const blobs = new Map(present.map((file) => [file.path, file]));
    for (const file of this.#files) {
      const blob = blobs.get(file.planned.path);
      if (blob === undefined) continue;
      const { digest, sizeBytes } = blob;
      file.blob = { digest, sizeBytes, bytesFetched: 0, chunksFetched: 0, release: () => {} };
      file.state = "done";
    }
  }

  /**
   * Fetches all; the first failure ends the others, and all have ended before it is thrown.
   *
   * @returns The end of the pins that keep the blobs: call it when rows point to them. After a failure nothing is pinned.
   */
  async fetchAll(options: FetchAllOptions): Promise<() => void> {
    const unpins: Array<() => void> = [];
    const unpinAll = () => {
      for (const unpin of unpins) unpin();
    };
    const failed = new AbortController();
    const signal = AbortSignal.any([options.signal, failed.signal]);
    const queue = [...this.#files];
    const workers = Array.from({ length: Math.min(FILES_AT_ONCE, queue.length) }, async () => {
      for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
        unpins.push(await this.#fetchOne(file, { ...options, signal }));
      }
    });
    let failure: { readonly error: unknown } | undefined;
    await Promise.all(workers.map((worker) =>
      worker.catch((error: unknown) => {
        failure ??= { error };
        failed.abort(error);
      })
    ));
    if (failure === undefined) return unpinAll;
    unpinAll();
    throw failure.error;
  }

  async #fetchOne(file: FileState, options: FetchAllOptions): Promise<() => void> {
    const { signal, group, stoppedAs, onChange } = options;
    const endFetching = await this.#fetching.acquire(signal);
    file.state = "running";
    try {
      const { unpin, ...blob } = await this.transfers.run(file.planned, {
        signal,
        group,
        onProgress: (progress) => {
          const bytesFetched = progress.bytesFetched - (file.progress?.bytesFetched ?? 0);
          file.progress = progress;
          onChange(bytesFetched);
          // What is left is the disk's: the next file may be fetched meanwhile.
          if (progress.bytesDone === progress.totalBytes) endFetching();
        },
      });
      file.blob = blob;
      file.state = "done";
      onChange(0);
      return unpin;
    } catch (error) {
      file.state = stoppedAs() ?? (signal.aborted ? "cancelled" : "failed");
      throw error;
    } finally {
      endFetching();
    }
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
  const { encoding, urls, path, gitOid } = file.planned;
  const sources = urls.map((address): FileSource => ({
    kind: "url",
    location: redactAddress(address),
    ...(encoding === undefined ? {} : { encoding }),
  }));
  const { digest, sizeBytes } = file.blob;
  return { path, digest, sizeBytes, sources, ...(gitOid === undefined ? {} : { gitOid }) };
}
