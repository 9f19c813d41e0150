import { type Clock, LarderError, logger, type Semaphore } from "../../core/index.ts";
import { leavable, leftByCaller } from "../leavable.ts";
import type { JoinedAnswer } from "../runner/messages.ts";
import type { Turns } from "../turns.ts";
import type { ModelMetadata, TensorResult, TensorRun } from "../types.ts";
import { Batch, Member } from "./batch.ts";
import { Shares } from "./shares.ts";

const log = logger("models");

export interface JoiningOptions {
  /** Rows that run at once. */
  readonly rowsMax: number;
  /** How long a batch that is not full waits for company before it waits for its turn. */
  readonly delayMs: number;
  readonly clock: Pick<Clock, "sleep">;
  /** Told how many rows each run had. */
  readonly onRows?: (rows: number) => void;
}

export interface BatchesOptions extends JoiningOptions {
  /** Of the model, for messages. */
  readonly label: string;
  readonly metadata: ModelMetadata;
  readonly turns: Turns;
  /** One for each run that the runner is given at once. */
  readonly slots: Semaphore;
  readonly runOne: (run: TensorRun) => Promise<TensorResult>;
  readonly runJoined: (runs: readonly TensorRun[]) => Promise<JoinedAnswer>;
}

/**
 * Joins runs of one model that wait for their turn: each enters the batch of its like that waits, or opens one. While the model is idle
 * a batch begins at once, so whoever is alone waits for nobody, unless `delayMs` says so.
 */
export class Batches {
  /** Those that can be entered, by `Share.key`. */
  readonly #open = new Map<string, Batch>();
  /** Absent when nothing is joined. */
  #shares: Shares | undefined;

  constructor(private readonly options: BatchesOptions) {
    this.#shares = new Shares(options.metadata);
    if (!this.#shares.areAny) this.#refuse("its header has no dimension that inputs and outputs begin with");
  }

  /** @throws {LarderError} What the run ends with; MODEL_BUSY; CANCELLED. */
  run(run: TensorRun, signal: AbortSignal | undefined): Promise<TensorResult> {
    const member = new Member(run, this.#shares?.of(run));
    const place = { acquire: (signal: AbortSignal | undefined) => this.#enter(member, signal) };
    return this.options.turns.take(place, signal, () => leavable(member.answered.promise, signal));
  }

  /** Resolves when its batch begins, to what gives a slot back: the batch's own, so that there is nothing to do. */
  async #enter(member: Member, signal: AbortSignal | undefined): Promise<() => void> {
    if (signal?.aborted) throw leftByCaller();
    await this.#batchFor(member).enter(member, signal);
    return () => {};
  }

  #batchFor({ share }: Member): Batch {
    const open = share && this.#open.get(share.key);
    if (share && open?.hasRoomFor(share)) return open;
    open?.close();
    const batch = new Batch(this.options.rowsMax);
    if (share) {
      this.#open.set(share.key, batch);
      batch.closed.addEventListener("abort", () => this.#open.delete(share.key), { once: true });
    } else batch.close();
    void this.#carry(batch);
    return batch;
  }

  /** From its first member to its answers. */
  async #carry(batch: Batch): Promise<void> {
    const { delayMs, clock, slots } = this.options;
    let release: () => void;
    try {
      // Whoever closes it ends the wait.
      if (delayMs > 0) await clock.sleep(delayMs, batch.closed).catch(() => {});
      release = await slots.acquire(batch.deserted);
    } catch (error) {
      if (batch.deserted.aborted) return;
      throw error;
    }
    await this.#answer(batch.begin());
    release();
  }

  async #answer(members: readonly Member[]): Promise<void> {
    const together = members.filter(({ run }) => isWhole(run));
    // What cannot be sent would keep the others from being sent.
    const torn = members.filter(({ run }) => !isWhole(run));
    const one = together.length === 1 ? together : [];
    await Promise.all([
      ...[...torn, ...one].map((member) => this.#answerOne(member)),
      ...(together.length > 1 ? [this.#answerTogether(together)] : []),
    ]);
  }

  async #answerOne({ run, share, answered }: Member): Promise<void> {
    try {
      answered.resolve(await this.options.runOne(run));
      if (share) this.options.onRows?.(share.rows);
    } catch (error) {
      answered.reject(error);
    }
  }

  async #answerTogether(members: readonly Member[]): Promise<void> {
    try {
      const answer = await this.options.runJoined(members.map(({ run }) => run));
      members.forEach(({ answered }, i) => {
        const outcome = answer.outcomes[i];
        if (outcome && "result" in outcome) answered.resolve(outcome.result);
        else if (outcome) answered.reject(LarderError.fromRecord(outcome.error));
      });
      this.#note(members, answer);
    } catch (error) {
      for (const { answered } of members) answered.reject(error);
    }
  }

  #note(members: readonly Member[], { isJoined, refusal }: JoinedAnswer): void {
    const rows = members.map(({ share }) => share?.rows ?? 0);
    const sum = rows.reduce((all, count) => all + count, 0);
    for (const count of isJoined ? [sum] : rows) this.options.onRows?.(count);
    if (refusal !== undefined) this.#refuse(refusal);
  }

  #refuse(reason: string): void {
    if (this.#shares === undefined) return;
    this.#shares = undefined;
    log.warn("Requests to {label} are not joined: {reason}", { label: this.options.label, reason });
  }
}

/** An array whose buffer has moved elsewhere is empty. */
function isWhole({ inputs }: TensorRun): boolean {
  return Object.values(inputs).every(({ data }) =>
    !ArrayBuffer.isView(data) || !(data.buffer instanceof ArrayBuffer && data.buffer.detached)
  );
}
