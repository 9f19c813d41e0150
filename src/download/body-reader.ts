import { type Clock, LarderError, onAbort, type RateLimit } from "../core/index.ts";
import { bodyError, type NetClient, type NetRequest, type NetResponse } from "../net/index.ts";
import type { ByteReader } from "./byte-reader.ts";
import type { TransferTuning } from "./types.ts";
import { Watchdog } from "./watchdog.ts";

export interface BodyReaderDeps {
  readonly net: NetClient;
  readonly clock: Clock;
  readonly tuning: TransferTuning;
  readonly limit: RateLimit;
}

/** One request whose body is read under a watchdog and the common rate. Close it in every case. */
export class BodyReader {
  readonly #watchdog: Watchdog;
  readonly #controller = new AbortController();
  readonly #forget: Array<() => void>;
  #reader: ByteReader | undefined;
  #isEnded = false;

  constructor(private readonly deps: BodyReaderDeps, signal: AbortSignal) {
    this.#watchdog = new Watchdog(deps.tuning, deps.clock);
    const stop = (reason: unknown) => this.#controller.abort(reason);
    this.#forget = [onAbort(signal, stop), onAbort(this.#watchdog.signal, stop)];
  }

  async request(url: URL, request: Pick<NetRequest, "headers" | "originHeaders">): Promise<NetResponse> {
    const response = await this.#watchdog.whilePaused(
      this.deps.net.request(url, { ...request, signal: this.#controller.signal }),
    );
    this.#reader = response.body?.getReader() as ByteReader | undefined;
    return response;
  }

  /** The next bytes, or undefined at the end. @throws {LarderError} UPSTREAM_TIMEOUT, UPSTREAM_TRUNCATED; the signal's reason. */
  async read(): Promise<Uint8Array | undefined> {
    try {
      const { done = true, value } = await this.#reader?.read() ?? {};
      this.#controller.signal.throwIfAborted();
      if (done || value === undefined) {
        this.#isEnded = true;
        return undefined;
      }
      this.#watchdog.feed(value.byteLength);
      if (!this.deps.limit.unlimited) {
        await this.#watchdog.whilePaused(this.deps.limit.take(value.byteLength, this.#controller.signal));
      }
      return value;
    } catch (error) {
      this.#controller.signal.throwIfAborted();
      if (error instanceof LarderError) throw error;
      throw bodyError(error);
    }
  }

  /** Gives the connection back if the body was read to its end, else ends it. */
  async close(): Promise<void> {
    this.#watchdog.stop();
    for (const forget of this.#forget) forget();
    if (this.#isEnded) return;
    this.#controller.abort(new Error("closed"));
    // The connection is given up: how it ends is of no interest.
    await this.#reader?.cancel().catch(() => {});
  }
}
