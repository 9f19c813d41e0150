import { LarderError, type Semaphore } from "../core/index.ts";
import { type Leavable, leftByCaller } from "./leavable.ts";

/** Whose turn it is, and the end of all turns. */
export class Turns {
  #taken = 0;
  #waiting = 0;
  #isClosed = false;
  readonly #idle = Promise.withResolvers<void>();

  constructor(private readonly label: string, private readonly waitingMax: number) {}

  /** Calls under way, those that wait included. */
  get taken(): number {
    return this.#taken;
  }

  async take<T>(
    slots: Pick<Semaphore, "acquire">,
    signal: AbortSignal | undefined,
    call: () => Leavable<T>,
  ): Promise<T> {
    if (this.#isClosed) throw this.#busy("it is being unloaded");
    if (this.#waiting >= this.waitingMax) throw this.#busy(`${this.#waiting} calls wait for it already`);
    this.#taken++;
    this.#waiting++;
    let release = () => {};
    try {
      release = await slots.acquire(signal).catch(() => {
        throw leftByCaller();
      });
    } catch (error) {
      this.#finish();
      throw error;
    } finally {
      this.#waiting--;
    }
    const { settled, answer } = call();
    const finish = () => {
      release();
      this.#finish();
    };
    settled.then(finish, finish);
    return await answer;
  }

  /** Refuses calls from now on and waits for those that are under way. */
  close(): Promise<void> {
    this.#isClosed = true;
    if (this.#taken === 0) this.#idle.resolve();
    return this.#idle.promise;
  }

  #finish(): void {
    this.#taken--;
    if (this.#isClosed && this.#taken === 0) this.#idle.resolve();
  }

  #busy(what: string): LarderError {
    return new LarderError("MODEL_BUSY", `Cannot use ${this.label}: ${what}`, {
      retryable: true,
      retryAfterS: 1,
    });
  }
}
