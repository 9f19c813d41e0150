/** Calls of clients to models, of whatever model: work that can wait looks here first. */
export class Activity implements Disposable {
  #running = 0;
  #begun = 0;

  /** So far: the same number twice means that none came between. */
  get begun(): number {
    return this.#begun;
  }

  get isQuiet(): boolean {
    return this.#running === 0;
  }

  /** A call, until it is disposed of. */
  begin(): Disposable {
    this.#running++;
    this.#begun++;
    return this;
  }

  [Symbol.dispose](): void {
    this.#running--;
  }
}
