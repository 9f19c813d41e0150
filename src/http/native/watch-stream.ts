/** How often a quiet stream says that it is alive: well below any idle limit on the way. */
export const HEARTBEAT_MS = 15_000;

export interface WatchFormat {
  readonly contentType: string;
  readonly heartbeat: string;
  readonly write: (value: unknown) => string;
}

export const NDJSON: WatchFormat = {
  contentType: "application/x-ndjson",
  heartbeat: "\n",
  write: (value) => `${JSON.stringify(value)}\n`,
};

/** @see WHATWG HTML, server-sent events. JSON text holds no line break, so one data line does. */
export function serverSentEvents(name: string): WatchFormat {
  return {
    contentType: "text/event-stream",
    heartbeat: ":\n\n",
    write: (value) => `event: ${name}\ndata: ${JSON.stringify(value)}\n\n`,
  };
}

export interface WatchOptions<T> {
  /** Already taken from the iterator, so that its first error could become an answer. */
  readonly first: IteratorResult<T>;
  readonly rest: AsyncIterator<T>;
  readonly format: WatchFormat;
  /** Called once when nobody reads any more, or everything has been read. */
  readonly onEnd: () => void;
  readonly heartbeatMs?: number;
}

/**
 * States as a stream. A client that reads slowly skips states, one that never reads costs one state: only the newest
 * waits, and the source is always drained.
 */
export function watchStream<T>(options: WatchOptions<T>): ReadableStream<Uint8Array> {
  const watch = new Watch(options);
  return new ReadableStream(
    { pull: (controller) => watch.pull(controller), cancel: () => watch.end() },
    { highWaterMark: 0 },
  );
}

class Watch<T> {
  readonly #format: WatchFormat;
  readonly #rest: AsyncIterator<T>;
  readonly #onEnd: () => void;
  readonly #heartbeatMs: number;
  readonly #encoder = new TextEncoder();
  #newest: { readonly value: T } | undefined;
  #done = false;
  #ended = false;
  #wake = () => {};

  constructor({ first, rest, format, onEnd, heartbeatMs = HEARTBEAT_MS }: WatchOptions<T>) {
    this.#format = format;
    this.#rest = rest;
    this.#onEnd = onEnd;
    this.#heartbeatMs = heartbeatMs;
    this.#take(first);
    void this.#drain();
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    if (this.#newest === undefined && !this.#done) await this.#changeOrHeartbeat();
    const newest = this.#newest;
    this.#newest = undefined;
    if (newest !== undefined) return this.#send(controller, this.#format.write(newest.value));
    if (!this.#done) return this.#send(controller, this.#format.heartbeat);
    this.end();
    controller.close();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = this.#done = true;
    this.#onEnd();
    this.#wake();
  }

  #send(controller: ReadableStreamDefaultController<Uint8Array>, text: string): void {
    controller.enqueue(this.#encoder.encode(text));
  }

  #changeOrHeartbeat(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#heartbeatMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #take(result: IteratorResult<T>): void {
    if (result.done) this.#done = true;
    else this.#newest = { value: result.value };
    this.#wake();
  }

  async #drain(): Promise<void> {
    try {
      while (!this.#done) this.#take(await this.#rest.next());
    } catch {
      // The states can be asked for by other routes: a client sees its stream end and asks there.
      this.#done = true;
      this.#wake();
    }
  }
}
