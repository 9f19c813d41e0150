import { type Clock, LarderError, onAbort } from "../core/index.ts";
import { bodyError, type NetClient, type NetResponse } from "../net/index.ts";
import type { RateLimit } from "./rate-limit.ts";
import type { TransferTuning } from "./types.ts";
import { Watchdog } from "./watchdog.ts";

export interface BodyReaderDeps {
  readonly net: NetClient;
  readonly clock: Clock;
  readonly tuning: TransferTuning;
  readonly limit: RateLimit;
}

/** What is used of a stream's reader. */
interface ByteReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/** One request whose body is read under a watchdog and the common rate. Close it in every case. */
export class BodyReader {
  readonly #watchdog: Watchdog;
  readonly #controller = new AbortController();
  readonly #forget: Array<() => void>;
  #reader: ByteReader | undefined;

  constructor(private readonly deps: BodyReaderDeps, private readonly signal: AbortSignal) {
    this.#watchdog = new Watchdog(deps.tuning, deps.clock, () => deps.limit.unlimited);
    const stop = (reason: unknown) => this.#controller.abort(reason);
    this.#forget = [onAbort(signal, stop), onAbort(this.#watchdog.signal, stop)];
  }

  async request(url: URL, headers: Record<string, string>): Promise<NetResponse> {
    const response = await this.#watchdog.whilePaused(
      this.deps.net.request(url, { headers, signal: this.#controller.signal }),
    );
    this.#reader = response.body?.getReader() as ByteReader | undefined;
    return response;
  }

  /** The next bytes, or undefined at the end. @throws {LarderError} UPSTREAM_TIMEOUT, UPSTREAM_TRUNCATED; the signal's reason. */
  async read(): Promise<Uint8Array | undefined> {
    if (this.#reader === undefined) return undefined;
    try {
      const { done, value } = await this.#reader.read();
      if (this.#controller.signal.aborted) throw this.#controller.signal.reason;
      if (done || value === undefined) return undefined;
      this.#watchdog.feed(value.byteLength);
      if (!this.deps.limit.unlimited) {
        await this.#watchdog.whilePaused(this.deps.limit.take(value.byteLength, this.#controller.signal));
      }
      return value;
    } catch (error) {
      if (this.#controller.signal.aborted) throw this.#controller.signal.reason;
      if (error instanceof LarderError) throw error;
      throw bodyError(error);
    }
  }

  /** Ends the connection unless the body was read to its end. */
  async close(): Promise<void> {
    this.#watchdog.stop();
    for (const forget of this.#forget) forget();
    this.#controller.abort(new Error("closed"));
    // The connection is given up: how it ends is of no interest.
    await this.#reader?.cancel().catch(() => {});
  }
}
