import { type Clock, type Events, isLarderError, LarderError, logger } from "../core/index.ts";
import type { JobKind, JobView } from "./types.ts";
import { Changes } from "./watch.ts";

const JOBS_MAX = 100;
const log = logger("jobs");

/** What the work of a job may tell and ask. */
export interface JobContext {
  readonly signal: AbortSignal;
  setTotal(bytes: number): void;
  setDone(bytes: number): void;
}

type Result = NonNullable<JobView["result"]>;

class Job {
  readonly changes = new Changes();
  readonly controller = new AbortController();
  state: JobView["state"] = "running";
  bytesDone = 0;
  bytesTotal: number | null = null;
  finishedAtS: number | null = null;
  result: Result | null = null;
  error: LarderError | null = null;
  /** Resolves when the work has ended, however it went. */
  working: Promise<void> = Promise.resolve();

  constructor(
    readonly id: string,
    readonly kind: JobKind,
    readonly dryRun: boolean,
    readonly createdAtS: number,
  ) {}

  view(): JobView {
    return {
      id: this.id,
      kind: this.kind,
      state: this.state,
      bytes_done: this.bytesDone,
      bytes_total: this.bytesTotal,
      created_at: this.createdAtS,
      finished_at: this.finishedAtS,
      dry_run: this.dryRun,
      result: this.result,
      error: this.error?.toRecord() ?? null,
    };
  }
}

/** Long work that a caller starts and looks at later. Kept in memory: a job ends with its process and may be started again. */
export class Jobs {
  readonly #jobs = new Map<string, Job>();
  readonly #working = new Set<Promise<void>>();
  #count = 0;

  constructor(private readonly clock: Clock, private readonly events: Events) {}

  start(kind: JobKind, dryRun: boolean, work: (context: JobContext) => Promise<Result>): JobView {
    const job = new Job(`j${Date.now().toString(36)}${++this.#count}`, kind, dryRun, this.clock.nowS());
    this.#jobs.set(job.id, job);
    this.#prune();
    job.working = this.#run(job, work).finally(() => this.#working.delete(job.working));
    this.#working.add(job.working);
    return job.view();
  }

  list(): JobView[] {
    return [...this.#jobs.values()].reverse().map((job) => job.view());
  }

  get(id: string): JobView {
    return this.#get(id).view();
  }

  watch(id: string, signal?: AbortSignal): AsyncGenerator<JobView> {
    const job = this.#get(id);
    return job.changes.watch(() => job.view(), (view) => view.state !== "running", this.clock, signal);
  }

  async cancel(id: string): Promise<JobView> {
    const job = this.#get(id);
    job.controller.abort(new LarderError("CANCELLED", `Cannot finish job ${id}: it was cancelled`));
    await job.working;
    return job.view();
  }

  async close(): Promise<void> {
    for (const job of this.#jobs.values()) {
      job.controller.abort(new LarderError("SHUTTING_DOWN", "Cannot finish: larder is stopping"));
    }
    await Promise.allSettled(this.#working);
  }

  async #run(job: Job, work: (context: JobContext) => Promise<Result>): Promise<void> {
    try {
      job.result = await work({
        signal: job.controller.signal,
        setTotal: (bytes) => this.#change(job, () => job.bytesTotal = bytes),
        setDone: (bytes) => this.#change(job, () => job.bytesDone = bytes),
      });
      job.state = "done";
    } catch (error) {
      job.state = job.controller.signal.aborted ? "cancelled" : "failed";
      job.error = isLarderError(error)
        ? error
        : new LarderError("IO", `Cannot finish this ${job.kind}: something unexpected happened`, {
          hint: "See the log.",
          cause: error,
        });
      if (!isLarderError(error)) log.error("job {id} failed: {error}", { id: job.id, error: String(error) });
    }
    job.finishedAtS = this.clock.nowS();
    job.changes.end();
    this.events.emit({ type: "job", jobId: job.id });
  }

  #change(job: Job, apply: () => void): void {
    apply();
    job.changes.notify();
  }

  #get(id: string): Job {
    const job = this.#jobs.get(id);
    if (job === undefined) {
      throw new LarderError("JOB_NOT_FOUND", `Cannot find job ${id.slice(0, 40)}`, {
        field: "id",
        hint: "Jobs are forgotten when larder stops.",
      });
    }
    return job;
  }

  #prune(): void {
    for (const [id, job] of this.#jobs) {
      if (this.#jobs.size <= JOBS_MAX) return;
      if (job.state !== "running") this.#jobs.delete(id);
    }
  }
}
