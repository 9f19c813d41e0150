/** Runs one piece of work at a time. Whoever asks while it runs shares the next run: the one under way may have passed what is asked for. */
export class LatestFlight<T> {
  #running: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  constructor(private readonly work: () => Promise<T>) {}

  run(): Promise<T> {
    if (this.#running === undefined) return this.#start();
    const follow = () => {
      this.#next = undefined;
      return this.#start();
    };
    return this.#next ??= this.#running.then(follow, follow);
  }

  #start(): Promise<T> {
    const mine = this.work().finally(() => {
      if (this.#running === mine) this.#running = undefined;
    });
    this.#running = mine;
    return mine;
  }
}
