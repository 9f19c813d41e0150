import { isLarderError, systemClock } from "../core/index.ts";
import type { WriteConnection } from "./write-ops.ts";

/** Writes in one transaction. What waits longer goes into the next one. */
const BATCH_MAX = 512;

export interface GroupCommitOptions {
  /** Called before each transaction; throws when it may not begin. */
  readonly check: () => void;
  /** How long a write waits for another program's lock before it is refused. */
  readonly busyMs: number;
}

interface Job {
  readonly work: () => unknown;
  readonly durable: boolean;
  readonly deadlineMs: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

/**
 * Puts all writes that wait into one transaction, each in a savepoint of its own: one that fails leaves the others alone. Answers
 * are given after the commit, which is flushed when one of them asked for that.
 */
export class GroupCommit {
  readonly #queue: Job[] = [];
  #scheduled = false;
  #idle: Array<() => void> = [];

  constructor(private readonly db: WriteConnection, private readonly options: GroupCommitOptions) {}

  submit<T>(work: () => T, durable: boolean): Promise<T> {
    const deadlineMs = systemClock.monotonicMs() + this.options.busyMs;
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ work, durable, deadlineMs, resolve: resolve as (value: unknown) => void, reject });
      this.#schedule();
    });
  }

  /** Resolves when every write so far is answered. */
  idle(): Promise<void> {
    if (this.#queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Later in the same turn of the event loop: messages that have arrived meanwhile join the transaction. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#commitNext();
      if (this.#queue.length > 0) this.#schedule();
      else this.#idle.splice(0).forEach((done) => done());
    });
  }

  #commitNext(): void {
    const batch = this.#queue.splice(0, BATCH_MAX);
    try {
      this.#begin(batch.some((job) => job.durable));
    } catch (error) {
      if (isLarderError(error, "BUSY")) this.#waitForLock(batch, error);
      else batch.forEach((job) => job.reject(error));
      return;
    }
    try {
      const outcomes = batch.map((job) => this.#run(job));
      this.db.command("COMMIT");
      batch.forEach((job, index) => settle(job, outcomes[index]!));
    } catch (error) {
      if (this.db.db.inTransaction) this.db.command("ROLLBACK");
      batch.forEach((job) => job.reject(error));
    }
  }

  #begin(durable: boolean): void {
    this.options.check();
    // NORMAL leaves the flush of this commit to a later one: only a power cut can lose it.
    this.db.command(`PRAGMA synchronous = ${durable ? "FULL" : "NORMAL"}`);
    this.db.command("BEGIN IMMEDIATE");
  }

  /** Throws only when SQLite has given up the whole transaction. */
  #run(job: Job): Outcome {
    this.db.command("SAVEPOINT one");
    try {
      const value = job.work();
      this.db.command("RELEASE one");
      return { value };
    } catch (error) {
      if (!this.db.db.inTransaction) throw error;
      this.db.command("ROLLBACK TO one");
      this.db.command("RELEASE one");
      return { error };
    }
  }

  #waitForLock(batch: readonly Job[], error: unknown): void {
    const nowMs = systemClock.monotonicMs();
    for (const job of batch) if (job.deadlineMs <= nowMs) job.reject(error);
    this.#queue.unshift(...batch.filter((job) => job.deadlineMs > nowMs));
  }
}

function settle(job: Job, outcome: Outcome): void {
  if ("error" in outcome) job.reject(outcome.error);
  else job.resolve(outcome.value);
}
