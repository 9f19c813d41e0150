import type { Socket } from "node:net";

/** A request as it came in. `start` and `end` (excluded) of `range` are undefined where the header left them out. */
export interface OriginRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** With the query. */
  readonly target: string;
  /** By lower-case name; repeated ones joined with ", ". */
  readonly headers: ReadonlyMap<string, string>;
  /** The head, byte for byte. */
  readonly raw: string;
  /** As long as its Content-Length says. */
  readonly body: Uint8Array;
  readonly range: { readonly start: number | undefined; readonly end: number | undefined } | undefined;
  /** Which connection it came on, counted from 0. */
  readonly connection: number;
  /** Milliseconds of `performance.now()`. */
  readonly atMs: number;
  /** Of the answer. Undefined until its head is written. */
  status: number | undefined;
  /** Bytes after the answer's head that the kernel took; on loopback it takes up to some MiB before the client reads. */
  bodyBytesSent: number;
}

/** Thrown inside a handler when the client has gone; the origin swallows it. */
export class ConnectionGone extends Error {}

const SLICE_BYTES = 64 * 1024;

/** One request and the tools to answer it byte by byte. After the handler the connection waits for the next request. */
export class Exchange {
  #head = "";
  #headDone = false;
  #failWrite: (error: ConnectionGone) => void = () => {};

  constructor(
    readonly request: OriginRequest,
    /** How many requests for the same path came before this one. */
    readonly nth: number,
    /** Resolves when the connection is closed by either side. */
    readonly closed: Promise<void>,
    private readonly socket: Socket,
    private readonly rate: () => number,
  ) {
    void closed.then(() => this.#failWrite(new ConnectionGone()));
  }

  /** Writes head and body alike, as they are. Resolves when the kernel has taken them. */
  async write(bytes: Uint8Array | string): Promise<void> {
    const all = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
    const bodyStart = this.#readHead(all);
    if (bodyStart > 0) await this.#send(all.subarray(0, bodyStart));
    for (let at = bodyStart; at < all.length;) {
      const rate = this.rate();
      const size = rate === Infinity ? SLICE_BYTES : Math.max(1, Math.min(SLICE_BYTES, Math.ceil(rate / 20)));
      const slice = all.subarray(at, at + size);
      await this.#send(slice);
      this.request.bodyBytesSent += slice.length;
      at += slice.length;
      if (rate !== Infinity) await Bun.sleep((slice.length / rate) * 1000);
    }
  }

  /** Writes a status line and headers; an array repeats a header. Nothing is added. */
  head(status: number, headers: Readonly<Record<string, string | readonly string[]>> = {}): Promise<void> {
    const lines = Object.entries(headers).flatMap(([name, value]) =>
      [value].flat().map((one) => `${name}: ${one}\r\n`)
    );
    return this.write(`HTTP/1.1 ${status} ${status < 400 ? "Fine" : "Bad"}\r\n${lines.join("")}\r\n`);
  }

  /** A whole small answer with its Content-Length. */
  async answer(status: number, headers: Readonly<Record<string, string>> = {}, body = ""): Promise<void> {
    const length = String(Buffer.byteLength(body));
    await this.head(status, { "Content-Length": length, ...headers });
    if (this.request.method !== "HEAD") await this.write(Buffer.from(body));
  }

  /** Writes slowly, in steps of 50 ms or of one byte, whichever is longer. */
  async drip(bytes: Uint8Array | string, bytesPerSecond: number): Promise<void> {
    const all = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
    const size = Math.max(1, Math.floor(bytesPerSecond / 20));
    for (let at = 0; at < all.length; at += size) {
      await this.write(all.subarray(at, at + size));
      await Bun.sleep((size / bytesPerSecond) * 1000);
    }
  }

  /** Ends the connection in order (FIN) after what was written. */
  async end(): Promise<void> {
    this.socket.end();
    await this.closed;
  }

  /** Breaks the connection (RST); bytes not yet delivered are lost. */
  async reset(): Promise<void> {
    this.socket.resetAndDestroy();
    await this.closed;
  }

  /** Says nothing more until the client goes away. */
  stall(): Promise<void> {
    return this.closed;
  }

  #readHead(bytes: Uint8Array): number {
    if (this.#headDone) return 0;
    const before = this.#head.length;
    this.#head += Buffer.from(bytes).toString("latin1");
    this.request.status ??= Number(/^HTTP\/1\.1 (\d{3})/.exec(this.#head)?.[1]) || undefined;
    const end = this.#head.indexOf("\r\n\r\n");
    this.#headDone = end >= 0;
    return this.#headDone ? end + 4 - before : bytes.length;
  }

  #send(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.socket.destroyed) return reject(new ConnectionGone());
      this.#failWrite = reject;
      this.socket.write(bytes, (error) => error ? reject(new ConnectionGone()) : resolve());
    });
  }
}
