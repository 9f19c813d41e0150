import { LarderError } from "../../core/index.ts";
import type { Link, OpenLink, RunnerEnd } from "./link.ts";
import type { FromRunner, LoadAnswer, LoadOrder, OpenOrder, Order } from "./messages.ts";

export interface CallOptions {
  /** A call is lost when the runner says nothing at all for so long. */
  readonly hangMs: number;
  readonly move?: readonly ArrayBuffer[];
  readonly onText?: (text: string) => void;
  /** Asks the runner to stop; the call ends when the runner answers. */
  readonly signal?: AbortSignal;
}

interface Call extends CallOptions {
  readonly sentMs: number;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export interface RunnerEvents {
  /** Called once, when it can no longer be used though nobody ended it. */
  readonly onLost?: (end: RunnerEnd) => void;
  /** Called once, when it can no longer be used for whatever reason. */
  readonly onOver?: () => void;
}

export interface RunnerOptions extends RunnerEvents {
  /** Of the model, for messages. */
  readonly label: string;
  readonly open: OpenLink;
}

/** Calls a runner, and watches it. */
export class RunnerClient {
  readonly #label: string;
  readonly #link: Link;
  readonly #events: RunnerEvents;
  readonly #calls = new Map<number, Call>();
  readonly #lost = Promise.withResolvers<never>();
  /** What waits until the runner hears it: a message to a thread whose modules are still being loaded may be lost. */
  #unsent: Parameters<Link["post"]>[] | undefined = [];
  #memoryBytes: number | undefined;
  #nextId = 1;
  #heardMs = 0;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #over: LarderError | undefined;

  constructor({ label, open, ...events }: RunnerOptions) {
    this.#label = label;
    this.#events = events;
    // Most of those who use a model do not ask whether it is lost; their calls tell them.
    this.#lost.promise.catch(() => {});
    this.#link = open({ message: (message) => this.#take(message), ended: (end) => this.#lose(end) });
  }

  /** Rejects with MODEL_CRASHED when it can no longer be used. */
  get lost(): Promise<never> {
    return this.#lost.promise;
  }

  /** What the runtime says, or what the process holds; absent when neither is known. */
  get memoryBytes(): number | undefined {
    return this.#link.ownBytes?.() ?? this.#memoryBytes;
  }

  open(order: OpenOrder, options: CallOptions): Promise<void> {
    return this.call(order, options);
  }

  async load(order: LoadOrder, options: CallOptions): Promise<LoadAnswer> {
    const answer = await this.call<LoadAnswer>(order, options);
    this.#memoryBytes = answer.memoryBytes;
    return answer;
  }

  /** @throws {LarderError} MODEL_CRASHED when it ends before it answers, and what the runner throws. */
  call<T>(order: Order, options: CallOptions): Promise<T> {
    if (this.#over) return Promise.reject(this.#over);
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    try {
      this.#post({ id, order }, options.move);
    } catch (error) {
      // What cannot be sent, such as an array whose buffer is gone.
      return Promise.reject(error);
    }
    this.#calls.set(id, { ...options, sentMs: performance.now(), resolve, reject });
    const cancel = () => this.#post({ cancel: id });
    if (options.signal?.aborted) cancel();
    options.signal?.addEventListener("abort", cancel, { once: true });
    if (this.#calls.size === 1) this.#link.hold(true);
    this.#watchOver();
    return promise.finally(() => options.signal?.removeEventListener("abort", cancel)) as Promise<T>;
  }

  /** Lets the runner dispose of its model, then ends it; abandons one that does not answer. Calls under way are cancelled. */
  async close(hangMs: number): Promise<void> {
    if (this.#over) return;
    try {
      await this.call({ kind: "dispose" }, { hangMs });
    } catch (error) {
      if (this.#over) return;
      this.abandon();
      throw error;
    }
    this.#end();
    await this.#link.end();
  }

  /** Ends it without waiting. */
  abandon(): void {
    if (this.#over) return;
    this.#end();
    this.#link.abandon();
  }

  #post(...message: Parameters<Link["post"]>): void {
    if (this.#unsent) this.#unsent.push(message);
    else this.#link.post(...message);
  }

  #take(message: FromRunner): void {
    this.#heardMs = performance.now();
    if ("ready" in message) {
      const unsent = this.#unsent ?? [];
      this.#unsent = undefined;
      for (const one of unsent) this.#link.post(...one);
      return;
    }
    if ("fatal" in message) return this.#lose({ what: `code failed: ${message.fatal}` }, true);
    if ("memoryBytes" in message) {
      this.#memoryBytes = message.memoryBytes;
      return;
    }
    const call = this.#calls.get(message.id);
    if (!call) return;
    if ("going" in message) return;
    if ("text" in message) return call.onText?.(message.text);
    this.#calls.delete(message.id);
    if (this.#calls.size === 0) this.#rest();
    if ("error" in message) call.reject(LarderError.fromRecord(message.error));
    else if ("bug" in message) call.reject(new Error(`Cannot use ${this.#label}: ${message.bug}`));
    else call.resolve(message.value);
  }

  #watchOver(): void {
    if (this.#watch !== undefined || this.#calls.size === 0) return;
    const patienceMs = Math.min(...this.#calls.values().map((call) => this.#leftMs(call)));
    this.#watch = setTimeout(() => {
      this.#watch = undefined;
      const hung = this.#calls.values().find((call) => this.#leftMs(call) <= 0);
      if (hung) this.#lose({ what: `code has not answered for ${hung.hangMs} ms` }, true);
      this.#watchOver();
    }, Math.max(patienceMs, 1));
    this.#watch.unref();
  }

  /** Until the call counts as lost. */
  #leftMs(call: Call): number {
    return Math.max(call.sentMs, this.#heardMs) + call.hangMs - performance.now();
  }

  #lose(end: RunnerEnd, isRunning = false): void {
    if (this.#over) return;
    this.#end(end);
    if (isRunning) this.#link.abandon();
    if (this.#over) this.#lost.reject(this.#over);
    this.#events.onLost?.(end);
  }

  #end(end?: RunnerEnd): void {
    const error = end === undefined
      ? new LarderError("MODEL_BUSY", `Cannot use ${this.#label}: it is being unloaded`, { retryable: true })
      : crashed(this.#label, end);
    this.#over = error;
    for (const call of this.#calls.values()) call.reject(error);
    this.#calls.clear();
    this.#rest();
    this.#events.onOver?.();
  }

  #rest(): void {
    clearTimeout(this.#watch);
    this.#watch = undefined;
    this.#link.hold(false);
  }
}

function crashed(label: string, { what, signal }: RunnerEnd): LarderError {
  return new LarderError("MODEL_CRASHED", `Cannot use ${label}: its ${what}`, {
    retryable: true,
    hint: signal === "SIGKILL"
      ? "The system may have ended it for lack of memory."
      : "It can be loaded again.",
    details: { reason: what, ...(signal === undefined ? {} : { signal }) },
  });
}
