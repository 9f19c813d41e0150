import { availableParallelism } from "node:os";
import { LarderError, onAbort, WorkerClient } from "../core/index.ts";
import type { Home } from "./disk-error.ts";
import { Follower } from "./follower.ts";
import type { HashEvent } from "./hash-messages.ts";
import type { FollowOptions } from "./types.ts";

interface Thread {
  readonly client: WorkerClient<HashEvent>;
  /** Jobs that are not answered yet. */
  jobs: number;
}

export interface JobOptions {
  readonly signal?: AbortSignal | undefined;
  /** More bytes were read: how many since the last call. */
  readonly onBytes?: (bytes: number) => void;
}

/** Threads that read and hash, started when they are first needed; a new job goes to the one with the fewest. */
export class HashPool {
  readonly #threads: Thread[] = [];
  readonly #listeners = new Map<number, (event: HashEvent) => void>();
  #nextId = 1;
  #isClosed = false;

  constructor(private readonly home: Home, readonly threads: number = availableParallelism()) {}

  /** Hashes an open file behind its writer. The descriptor must stay open until `stopped` resolves. */
  follow(fd: number, options: FollowOptions): Follower {
    const thread = this.#pick();
    const id = this.#nextId++;
    const follower = new Follower(id, fd, thread.client, options);
    this.#listeners.set(id, (event) => follower.receive(event));
    thread.jobs++;
    void follower.stopped.then(() => this.#end(thread, id));
    return follower;
  }

  /**
   * Runs one job of a thread.
   *
   * @throws The signal's reason, when it aborts, as soon as the thread has let go.
   */
  async run<T>(
    method: "verifyPieces" | "verifyWhole" | "take",
    request: unknown,
    { signal, onBytes }: JobOptions = {},
  ): Promise<T> {
    signal?.throwIfAborted();
    const thread = this.#pick();
    const id = this.#nextId++;
    this.#listeners.set(id, (event) => event.type === "progress" && onBytes?.(event.bytes));
    thread.jobs++;
    const answer = thread.client.call<T>(method, [id, request]);
    const forget = signal ? onAbort(signal, () => thread.client.send("abort", [id])) : () => {};
    try {
      return await answer;
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      forget();
      this.#end(thread, id);
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const { client } of this.#threads) client.close();
  }

  #end(thread: Thread, id: number): void {
    thread.jobs--;
    this.#listeners.delete(id);
  }

  #pick(): Thread {
    if (this.#isClosed) {
      throw new LarderError("SHUTTING_DOWN", "Cannot read: the store was closed", { retryable: true });
    }
    const [first, ...rest] = this.#threads;
    const least = rest.reduce((best, thread) => best && thread.jobs < best.jobs ? thread : best, first);
    if (least && (least.jobs === 0 || this.#threads.length >= this.threads)) return least;
    return this.#start();
  }

  #start(): Thread {
    const client = new WorkerClient<HashEvent>(
      "store/hash",
      (event) => this.#listeners.get(event.id)?.(event),
    );
    client.send("enter", [this.home]);
    const thread = { client, jobs: 0 };
    this.#threads.push(thread);
    return thread;
  }
}
