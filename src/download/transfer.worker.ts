import { readFileSync } from "node:fs";
import {
  type Digest,
  isLarderError,
  LarderError,
  movableBuffers,
  Moved,
  RateLimit,
  serveWorker,
  sha256,
  systemClock,
} from "../core/index.ts";
import { createNetClient } from "../net/index.ts";
import type { ConnectionLimit } from "./lanes.ts";
import { MemoryPart } from "./memory-part.ts";
import { PartFile } from "./part-file.ts";
import { Transfer, type TransferBegin, type TransferDeps } from "./transfer.ts";
import type { TransferEvent, TransferJob, TransferResult, TransferSetup } from "./transfer-protocol.ts";
import { WritebackHint } from "./writeback.ts";

interface Running {
  readonly job: TransferJob;
  readonly transfer: Transfer;
  readonly controller: AbortController;
  go: PromiseWithResolvers<void>;
}

const BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id";

/** All transfers of the process: they share this thread, its connections and one rate. */
class TransferThread {
  readonly #running = new Map<number, Running>();
  readonly #writeback = new WritebackHint();
  readonly #limit = new RateLimit(0, systemClock);
  readonly #boot = bootDigest();
  #connections = 1;
  #shared: Pick<TransferDeps, "net" | "clock" | "tuning" | "limit" | "boot"> | undefined;
  emit: (event: TransferEvent) => void = () => {};

  setup({ net, tuning, rateBytesPerS, connections }: TransferSetup): void {
    this.#limit.setRate(rateBytesPerS);
    this.#connections = connections;
    this.#shared = {
      net: createNetClient(net),
      clock: systemClock,
      tuning,
      limit: this.#limit,
      boot: this.#boot,
    };
  }

  async start(job: TransferJob): Promise<TransferResult | Moved<TransferResult>> {
    const running = this.#prepare(job);
    this.#running.set(job.id, running);
    const { transfer, controller } = running;
    try {
      const outcome = await transfer.run();
      const { part } = transfer.deps;
      if (!(part instanceof MemoryPart)) return { ok: true, outcome };
      const { bytes } = part;
      return new Moved({ ok: true, outcome: { ...outcome, bytes } }, movableBuffers(bytes));
    } catch (error) {
      if (!isLarderError(error) && !controller.signal.aborted) throw error;
      return {
        ok: false,
        error: isLarderError(error) ? error.toRecord() : undefined,
        contributors: transfer.contributors,
        bytesFetched: transfer.bytesFetched,
      };
    } finally {
      this.#running.delete(job.id);
    }
  }

  go(job: number): void {
    this.#running.get(job)?.go.resolve();
  }

  /** The answer of `start` comes when nothing is written any more. */
  abort(job: number): void {
    const running = this.#running.get(job);
    running?.controller.abort(new LarderError("CANCELLED", "Cannot go on: the transfer was ended"));
    running?.go.resolve();
  }

  hashed(job: number, index: number, digest: Digest): void {
    this.#running.get(job)?.transfer.noteHashed(index, digest);
  }

  setRate(bytesPerS: number): void {
    this.#limit.setRate(bytesPerS);
  }

  setConnections(connections: number): void {
    this.#connections = connections;
  }

  #prepare(job: TransferJob): Running {
    if (this.#shared === undefined) throw new Error("start before setup");
    const controller = new AbortController();
    const transfer = new Transfer(job, {
      ...this.#shared,
      part: job.files ? new PartFile(job.files.fd, job.files.journalFd, this.#writeback) : new MemoryPart(),
      connectionLimit: this.#limitOf(job.group),
      hooks: {
        begin: (begin) => job.files ? this.#announce(running, begin) : Promise.resolve(),
        report: (report) => this.emit({ type: "progress", job: job.id, ...report }),
      },
    }, controller.signal);
    const running: Running = { job, transfer, controller, go: Promise.withResolvers() };
    return running;
  }

  #announce(running: Running, begin: TransferBegin): Promise<void> {
    running.go = Promise.withResolvers();
    this.emit({ type: "begin", job: running.job.id, ...begin });
    return running.go.promise;
  }

  #limitOf(group: string): ConnectionLimit {
    const open = () => {
      const transfers = [...this.#running.values()].filter(({ job }) => job.group === group);
      return transfers.reduce((sum, { transfer }) => sum + transfer.connections, 0);
    };
    return { most: () => this.#connections, spare: () => this.#connections - open() };
  }
}

function bootDigest(): Digest | undefined {
  try {
    return sha256(readFileSync(BOOT_ID_FILE, "utf8").trim());
  } catch {
    // Not Linux: then only hashed chunks are trusted after a restart.
    return undefined;
  }
}

const thread = new TransferThread();
thread.emit = serveWorker<TransferEvent>({
  setup: (setup: TransferSetup) => thread.setup(setup),
  start: (job: TransferJob) => thread.start(job),
  go: (job: number) => thread.go(job),
  abort: (job: number) => thread.abort(job),
  hashed: (...args: Parameters<TransferThread["hashed"]>) => thread.hashed(...args),
  setRate: (bytesPerS: number) => thread.setRate(bytesPerS),
  setConnections: (connections: number) => thread.setConnections(connections),
});
