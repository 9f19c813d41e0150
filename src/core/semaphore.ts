/** Lets at most `limit` holders in at once, first come first served. The limit may change while it is in use. */
export class Semaphore {
  #held = 0;
  readonly #waiting: Array<() => void> = [];

  constructor(private limit: number) {}

  setLimit(limit: number): void {
    this.limit = limit;
    this.#admit();
  }

  /** Resolves to the release function, which may be called once or more. Rejects with the signal's reason. */
  acquire(signal?: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const enter = () => {
        signal?.removeEventListener("abort", leave);
        this.#held++;
        resolve(this.#releaser());
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#waiting.push(enter);
      this.#admit();
    });
  }

  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const release = await this.acquire(signal);
    try {
      return await work();
    } finally {
      release();
    }
  }

  #releaser(): () => void {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#held--;
      this.#admit();
    };
  }

  #admit(): void {
    while (this.#held < this.limit) {
      const next = this.#waiting.shift();
      if (!next) return;
      next();
    }
  }
}
