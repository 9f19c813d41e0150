import { type ErrorRecord, LarderError } from "./errors.ts";
import { spawnWorker } from "./spawn-worker.ts";

/**
 * The buffer of bytes that fill it alone, which may thus move to another thread; none for a view of a larger one, which others
 * may use. Moved bytes are gone for the sender.
 */
export function movableBuffers(...all: readonly Uint8Array[]): ArrayBuffer[] {
  return all.flatMap(({ buffer, byteLength }) =>
    buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && byteLength > 0 ? [buffer] : []
  );
}

/** What a worker's function may answer with: a value, and the buffers of it that move to the caller instead of being copied. */
export class Moved<T> {
  constructor(readonly value: T, readonly buffers: readonly ArrayBuffer[]) {}
}

interface Call {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: ErrorRecord }
  | { readonly id: number; readonly bug: string }
  | { readonly event: unknown };

/**
 * Calls named functions of a worker thread. Arguments and values are structured-cloned; a {@link LarderError} keeps its
 * code on the way, anything else arrives as a plain Error with the worker's stack. One-way `events` come beside the answers.
 */
export class WorkerClient<E = never> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>();
  #nextId = 1;
  #closed: Error | undefined;

  constructor(name: `${string}/${string}`, onEvent: (event: E) => void = () => {}) {
    this.#worker = spawnWorker(name);
    this.#worker.unref();
    this.#worker.onmessage = (message: MessageEvent<Answer>) => {
      if ("event" in message.data) onEvent(message.data.event as E);
      else this.#settle(message.data);
    };
    this.#worker.onerror = (event) => this.#fail(new Error(`Worker ${name} failed: ${event.message}`));
  }

  call<T>(method: string, args: readonly unknown[] = [], transfer: ArrayBuffer[] = []): Promise<T> {
    if (this.#closed) return Promise.reject(this.#closed);
    const id = this.#nextId++;
    // An unanswered call keeps the process alive; an idle worker does not.
    if (this.#waiting.size === 0) this.#worker.ref();
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#worker.postMessage({ id, method, args } satisfies Call, transfer);
    });
  }

  /** Sends without waiting for an answer. */
  send(method: string, args: readonly unknown[] = []): void {
    this.#worker.postMessage({ id: 0, method, args } satisfies Call);
  }

  /** Rejects what is still waiting and ends the thread. */
  close(): void {
    this.#fail(new LarderError("SHUTTING_DOWN", "Cannot finish: the worker was closed", { retryable: true }));
    this.#worker.terminate();
  }

  #settle(answer: Exclude<Answer, { event: unknown }>): void {
    const waiter = this.#waiting.get(answer.id);
    if (!waiter) return;
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ("error" in answer) waiter.reject(LarderError.fromRecord(answer.error));
    else if ("bug" in answer) waiter.reject(new Error(answer.bug));
    else waiter.resolve(answer.value);
  }

  #fail(error: Error): void {
    this.#closed ??= error;
    for (const waiter of this.#waiting.values()) waiter.reject(error);
    this.#waiting.clear();
    this.#worker.unref();
  }
}

declare const self: Worker;

/**
 * The worker's side of {@link WorkerClient}: answers calls with these functions, one after the other as they come in
 * (an asynchronous function does not hold up the next call).
 *
 * @returns A function that sends an event to the client.
 */
export function serveWorker<E = never>(
  // deno-lint-ignore no-explicit-any -- the arguments come from the typed client of the same folder
  methods: Record<string, (...args: any[]) => unknown>,
): (event: E) => void {
  self.onmessage = async ({ data: { id, method, args } }: MessageEvent<Call>) => {
    try {
      const answer = await methods[method]?.(...args);
      const { value, buffers } = answer instanceof Moved ? answer : new Moved(answer, []);
      if (id !== 0) self.postMessage({ id, value } satisfies Answer, [...buffers]);
    } catch (error) {
      self.postMessage(
        error instanceof LarderError ? { id, error: error.toRecord() } satisfies Answer : {
          id,
          bug: error instanceof Error ? error.stack ?? error.message : String(error),
        } satisfies Answer,
      );
    }
  };
  return (event) => self.postMessage({ event } satisfies Answer);
}
