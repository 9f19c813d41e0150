/**
 * A thread that does nothing but see how late its timers come: what the machine does to every program at that time, however
 * little it has to do.
 */
export class IdleLoop implements Disposable {
  readonly #worker = new Worker(new URL("./idle-loop.worker.ts", import.meta.url));

  /** Lateness in milliseconds since the last call; the first call starts the thread. */
  take(): Promise<number[]> {
    return new Promise((resolve, reject) => {
      this.#worker.onmessage = (event: MessageEvent<number[]>) => resolve(event.data);
      this.#worker.onerror = (event) => reject(new Error(event.message));
      this.#worker.postMessage("take");
    });
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}
