import { connect, type Socket } from "node:net";

const HEAD_END = "\r\n\r\n";
/** Far above what a busy machine needs: who waits longer would wait for ever. */
const OPEN_MS = 10_000;
const ANSWER_MS = 60_000;

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
  readonly ms: number;
}

/**
 * One connection that is kept, one request at a time. `fetch` takes many times as long, and has a limit for requests at once that
 * a bench of thousands would measure.
 */
export class HttpConnection implements Disposable {
  readonly #socket: Socket;
  readonly #host: string;
  #received: Buffer = Buffer.alloc(0);
  #waiting: { sentMs: number; resolve(answer: HttpAnswer): void; reject(error: unknown): void } | undefined;

  private constructor(socket: Socket, host: string) {
    this.#socket = socket;
    this.#host = host;
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
    socket.on("error", (error) => this.#waiting?.reject(error));
    socket.on("close", () => this.#waiting?.reject(new Error(`${host} closed the connection`)));
  }

  static async open(url: string): Promise<HttpConnection> {
    const { hostname, port, host } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.setNoDelay(true);
    const opening = Promise.withResolvers<void>();
    socket.once("connect", opening.resolve).once("error", opening.reject);
    socket.once("close", () => opening.reject(new Error(`${host} closed the connection before it was open`)));
    const late = setTimeout(() => socket.destroy(), OPEN_MS);
    try {
      await opening.promise;
    } finally {
      clearTimeout(late);
    }
    return new HttpConnection(socket, host);
  }

  /** @throws {Error} The connection broke. */
  post(path: string, json: string): Promise<HttpAnswer> {
    const head = `POST ${path} HTTP/1.1\r\nHost: ${this.#host}\r\nContent-Type: application/json\r\n`;
    return this.#ask(`${head}Content-Length: ${Buffer.byteLength(json)}${HEAD_END}${json}`);
  }

  /** @throws {Error} The connection broke. */
  get(path: string): Promise<HttpAnswer> {
    return this.#ask(`GET ${path} HTTP/1.1\r\nHost: ${this.#host}${HEAD_END}`);
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#socket.writable;
  }

  [Symbol.dispose](): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }

  #ask(request: string): Promise<HttpAnswer> {
    const asking = Promise.withResolvers<HttpAnswer>();
    const late = setTimeout(
      () => asking.reject(new Error(`${this.#host} has not answered for ${ANSWER_MS} ms`)),
      ANSWER_MS,
    );
    this.#waiting = { ...asking, sentMs: performance.now() };
    this.#socket.write(request);
    return asking.promise.finally(() => clearTimeout(late));
  }

  #take(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = this.#received.toString("latin1", 0, headEnd);
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? Number.NaN);
    const start = headEnd + HEAD_END.length;
    if (Number.isNaN(length)) {
      return this.#waiting?.reject(new Error(`An answer without its length: ${head}`));
    }
    if (this.#received.length < start + length) return;
    const waiting = this.#waiting;
    const body = this.#received.toString("utf8", start, start + length);
    this.#waiting = undefined;
    this.#received = Buffer.alloc(0);
    waiting?.resolve({ status: Number(head.slice(9, 12)), body, ms: performance.now() - waiting.sentMs });
  }
}

/** @throws {Error} The answer was another one. */
export function expectOk({ status, body }: HttpAnswer): string {
  if (status === 200) return body;
  throw new Error(`An answer of ${status}: ${body.slice(0, 500)}`);
}
