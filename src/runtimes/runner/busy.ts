/** Counts native calls under way, in memory that two threads see. */
export class Busy {
  readonly #count: Int32Array;

  constructor(readonly shared: SharedArrayBuffer = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.#count = new Int32Array(shared);
  }

  get isBusy(): boolean {
    return Atomics.load(this.#count, 0) > 0;
  }

  run<T>(call: () => T): T {
    Atomics.add(this.#count, 0, 1);
    try {
      return call();
    } finally {
      Atomics.sub(this.#count, 0, 1);
    }
  }

  async wait<T>(call: () => Promise<T>): Promise<T> {
    Atomics.add(this.#count, 0, 1);
    try {
      return await call();
    } finally {
      Atomics.sub(this.#count, 0, 1);
    }
  }
}
