import { readFileSync } from "node:fs";
import { isLarderError, LarderError, serveWorker, systemClock } from "../core/index.ts";
import { createNetClient } from "../net/index.ts";
import { PartFile } from "./part-file.ts";
import { RateLimit } from "./rate-limit.ts";
import { Transfer, type TransferDeps } from "./transfer.ts";
import type { TransferEvent, TransferJob, TransferResult, TransferSetup } from "./transfer-protocol.ts";
import { WritebackHint } from "./writeback.ts";

interface Running {
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
  readonly #boot = bootId();
  #shared: Omit<TransferDeps, "part" | "hooks"> | undefined;
  emit: (event: TransferEvent) => void = () => {};

  setup({ net, tuning, rateBytesPerS }: TransferSetup): void {
    this.#limit.setRate(rateBytesPerS);
    this.#shared = {
      net: createNetClient(net),
      clock: systemClock,
      tuning,
      limit: this.#limit,
      boot: this.#boot,
    };
  }

  async start(job: TransferJob): Promise<TransferResult> {
    if (this.#shared === undefined) throw new Error("start before setup");
    const controller = new AbortController();
    const part = new PartFile(job.fd, job.journalFd, this.#writeback);
    const transfer = new Transfer(job, {
      ...this.#shared,
      part,
      hooks: {
        begin: (begin) => {
          running.go = Promise.withResolvers();
          this.emit({ type: "begin", job: job.id, ...begin });
          return running.go.promise;
        },
        report: (report) => this.emit({ type: "progress", job: job.id, ...report }),
      },
    }, controller.signal);
    const running: Running = { transfer, controller, go: Promise.withResolvers() };
    this.#running.set(job.id, running);
    try {
      return { ok: true, outcome: await transfer.run() };
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

  hashed(job: number, index: number, digest: Parameters<Transfer["noteHashed"]>[1]): void {
    this.#running.get(job)?.transfer.noteHashed(index, digest);
  }

  setRate(bytesPerS: number): void {
    this.#limit.setRate(bytesPerS);
  }
}

function bootId(): string | undefined {
  try {
    return readFileSync(BOOT_ID_FILE, "utf8").trim();
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
});
