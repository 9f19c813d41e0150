import { type Clock, onAbort, systemClock, WorkerClient } from "../core/index.ts";
import type { DecompressEvent, DecompressJob } from "./decompress.worker.ts";
import { DownloadRun } from "./download-run.ts";
import { MirrorScores } from "./mirror-scores.ts";
import type { TransferEvent, TransferResult, TransferSetup } from "./transfer-protocol.ts";
import type {
  Downloader,
  DownloaderOptions,
  DownloadOutcome,
  DownloadRequest,
  DownloadSink,
} from "./types.ts";

/** Starts the threads when they are first needed. */
export function createDownloader(options: DownloaderOptions, clock: Clock = systemClock): Downloader {
  return new ThreadedDownloader(options, clock);
}

class ThreadedDownloader implements Downloader {
  readonly #scores: MirrorScores;
  readonly #runs = new Map<number, DownloadRun>();
  readonly #unpacking = new Map<number, (bytesWritten: number) => void>();
  #transfers: WorkerClient<TransferEvent> | undefined;
  #unpackers: WorkerClient<DecompressEvent> | undefined;
  #limits: Pick<TransferSetup, "rateBytesPerS" | "connections">;
  #nextId = 1;

  constructor(private readonly options: DownloaderOptions, clock: Clock) {
    this.#scores = new MirrorScores(clock);
    const { rateBytesPerS, connections } = options;
    this.#limits = { rateBytesPerS, connections };
  }

  async download(request: DownloadRequest, sink: DownloadSink): Promise<DownloadOutcome> {
    return await this.#run(request, sink, (run) => run.complete());
  }

  async downloadSmall(
    request: DownloadRequest & { readonly sizeBytes: number },
  ): Promise<DownloadOutcome & { readonly bytes: Uint8Array }> {
    return await this.#run(
      request,
      undefined,
      async (run) => ({ ...await run.complete(), bytes: run.bytes }),
    );
  }

  async #run<T>(
    request: DownloadRequest,
    sink: DownloadSink | undefined,
    work: (run: DownloadRun) => Promise<T>,
  ): Promise<T> {
    request.signal.throwIfAborted();
    const id = this.#nextId++;
    const run = new DownloadRun(id, request, sink, this.#scores, {
      start: (job) => this.#thread().call<TransferResult>("start", [job]),
      send: (method, ...args) => this.#thread().send(method, args),
    });
    this.#runs.set(id, run);
    try {
      return await work(run);
    } finally {
      this.#runs.delete(id);
    }
  }

  setRate(bytesPerS: number): void {
    this.#limits = { ...this.#limits, rateBytesPerS: bytesPerS };
    this.#transfers?.send("setRate", [bytesPerS]);
  }

  setConnections(connections: number): void {
    this.#limits = { ...this.#limits, connections };
    this.#transfers?.send("setConnections", [connections]);
  }

  async decompress(
    { signal, onProgress, ...files }: Parameters<Downloader["decompress"]>[0],
  ): Promise<number> {
    signal.throwIfAborted();
    this.#unpackers ??= new WorkerClient(
      "download/decompress",
      ({ job, bytesWritten }) => this.#unpacking.get(job)?.(bytesWritten),
    );
    const unpackers = this.#unpackers;
    const job: DecompressJob = { id: this.#nextId++, ...files };
    if (onProgress) this.#unpacking.set(job.id, onProgress);
    const forget = onAbort(signal, () => unpackers.send("abort", [job.id]));
    try {
      return await unpackers.call<number>("decompress", [job]);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      forget();
      this.#unpacking.delete(job.id);
    }
  }

  close(): void {
    this.#transfers?.close();
    this.#unpackers?.close();
  }

  #thread(): WorkerClient<TransferEvent> {
    if (this.#transfers === undefined) {
      this.#transfers = new WorkerClient(
        "download/transfer",
        (event) => this.#runs.get(event.job)?.onEvent(event),
      );
      const { net, tuning } = this.options;
      this.#transfers.send("setup", [{ net, tuning, ...this.#limits } satisfies TransferSetup]);
    }
    return this.#transfers;
  }
}
