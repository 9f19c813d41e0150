import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { ConnectionGone, Exchange, type OriginRequest } from "./origin-exchange.ts";
import { type Fault, serveFault } from "./origin-faults.ts";
import type { OriginFile } from "./origin-file.ts";
import { RequestReader } from "./origin-request.ts";
import { listen } from "./ports.ts";

export * from "./certificates.ts";
export * from "./origin-exchange.ts";
export type { Fault } from "./origin-faults.ts";
export type { OriginFile } from "./origin-file.ts";
export * from "./ports.ts";
export * from "./pseudo-random.ts";

export type OriginHandler = (exchange: Exchange) => void | Promise<void>;
/** Says what an address holds, so that faults of the address have something to spoil. */
export type OriginFallback = (request: OriginRequest) => OriginFile | Promise<OriginFile>;

export interface OriginOptions {
  /** An IP address; default 127.0.0.1. */
  readonly host?: string;
  readonly tls?: { readonly key: string; readonly cert: string };
  /** For each answer; may be changed later by `origin.bytesPerSecond`. */
  readonly bytesPerSecond?: number;
}

export interface FaultOptions {
  /** Which method uses the list up; default GET, so that a probing HEAD is answered right. */
  readonly method?: "GET" | "HEAD" | "POST" | "any";
  /** The last fault goes on for ever. */
  readonly forever?: boolean;
}

interface Address {
  file?: OriginFile;
  handler?: OriginHandler;
  faults: Fault[];
  faultOptions: FaultOptions;
  requests: number;
}

/** Starts an HTTP/1.1 server over raw TCP on a free port, whose every byte a test can script. Close it, or `await using`. */
export async function startOrigin(options: OriginOptions = {}): Promise<Origin> {
  const origin = new Origin(options);
  await origin.start();
  return origin;
}

export class Origin implements AsyncDisposable {
  /** Every request, in the order of arrival, those that were never answered included. */
  readonly requests: OriginRequest[] = [];
  /** For each answer; Infinity for no limit. */
  bytesPerSecond: number;
  /** Answers for every path that has neither a file nor a handler; without it they are 404. */
  fallback: OriginFallback | undefined;
  /** Connections ever accepted. */
  connections = 0;
  readonly #addresses = new Map<string, Address>();
  readonly #open = new Set<Socket>();
  readonly #server: Server;
  readonly #host: string;
  readonly #scheme: string;
  #port = 0;

  constructor(options: OriginOptions) {
    this.bytesPerSecond = options.bytesPerSecond ?? Infinity;
    this.#host = options.host ?? "127.0.0.1";
    this.#scheme = options.tls ? "https" : "http";
    const accept = (socket: Socket) => this.#accept(socket);
    this.#server = options.tls ? createTlsServer(options.tls, accept) : createServer(accept);
  }

  async start(): Promise<void> {
    this.#server.on("tlsClientError", () => {}); // a client that does not trust us is what some tests are about
    this.#port = await listen(this.#server, this.#host);
  }

  get port(): number {
    return this.#port;
  }

  /** `http://127.0.0.1:40001`, without a slash at the end. */
  get origin(): string {
    return `${this.#scheme}://${this.#host.includes(":") ? `[${this.#host}]` : this.#host}:${this.#port}`;
  }

  get openConnections(): number {
    return this.#open.size;
  }

  /** @param host Another name for the same port, such as `localhost`. */
  url(path: string, host?: string): string {
    return host === undefined ? this.origin + path : `${this.#scheme}://${host}:${this.#port}${path}`;
  }

  /** Serves bytes with HEAD, single ranges, 416, ETag and If-Range. Again replaces the content. Gives the address. */
  file(
    path: string,
    content: Uint8Array | Blob,
    options: { etag?: string; ranges?: boolean; headers?: Readonly<Record<string, string>> } = {},
  ): string {
    const { etag, ranges = true, headers = {} } = options;
    this.#address(path).file = { content, etag, ranges, headers };
    return this.url(path);
  }

  /** Leaves every byte of the answers for this path to the handler. Gives the address. */
  on(path: string, handler: OriginHandler): string {
    this.#address(path).handler = handler;
    return this.url(path);
  }

  /** The next answers for this path go wrong, one fault each; then service as usual. Replaces what was left of a list. */
  fault(path: string, faults: readonly Fault[], options: FaultOptions = {}): void {
    const address = this.#address(path);
    address.faults = [...faults];
    address.faultOptions = options;
  }

  requestsFor(path: string, method?: string): OriginRequest[] {
    return this.requests.filter((one) => one.path === path && (method ?? one.method) === one.method);
  }

  /** Body bytes sent for a path over all its GETs. */
  bytesSent(path: string): number {
    return this.requestsFor(path, "GET").reduce((sum, one) => sum + one.bodyBytesSent, 0);
  }

  /** Forgets all requests, and the faults that were not used up; files and handlers stay. */
  forget(): void {
    this.requests.length = 0;
    for (const address of this.#addresses.values()) {
      address.faults = [];
      address.requests = 0;
    }
  }

  /** Breaks every open connection, as a network that goes away. */
  dropConnections(): void {
    for (const socket of this.#open) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#open) socket.destroy();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #address(path: string): Address {
    const found = this.#addresses.get(path) ?? { faults: [], faultOptions: {}, requests: 0 };
    this.#addresses.set(path, found);
    return found;
  }

  #accept(socket: Socket): void {
    const connection = this.connections++;
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    this.#open.add(socket);
    socket.on("error", () => {}); // resets by the client are part of the tests; "close" follows
    socket.on("close", () => {
      this.#open.delete(socket);
      resolve();
    });
    const reader = new RequestReader(connection);
    let working = Promise.resolve();
    socket.on("data", (bytes) => {
      for (const request of reader.read(Buffer.from(bytes))) {
        working = working.then(() => this.#serve(request, socket, closed));
      }
    });
  }

  async #serve(request: OriginRequest, socket: Socket, closed: Promise<void>): Promise<void> {
    this.requests.push(request);
    const address = this.#address(request.path);
    const exchange = new Exchange(request, address.requests++, closed, socket, () => this.bytesPerSecond);
    try {
      await this.#respond(exchange, address);
      if (request.headers.get("connection")?.toLowerCase() === "close") await exchange.end();
    } catch (error) {
      socket.destroy();
      if (!(error instanceof ConnectionGone)) throw error;
    }
  }

  async #respond(exchange: Exchange, address: Address): Promise<void> {
    const fault = nextFault(address, exchange.request.method);
    if (address.handler && fault === undefined) return await address.handler(exchange);
    const file = address.file ?? (address.handler ? undefined : await this.fallback?.(exchange.request));
    if (file) return await serveFault(exchange, file, fault ?? { kind: "none" });
    if (fault === undefined) return await exchange.answer(404, {}, "nothing here");
    await serveFault(exchange, EMPTY_FILE, fault);
  }
}

const EMPTY_FILE: OriginFile = { content: new Uint8Array(), etag: undefined, ranges: true, headers: {} };

function nextFault(address: Address, method: string): Fault | undefined {
  const { method: wanted = "GET", forever = false } = address.faultOptions;
  if (wanted !== "any" && wanted !== method) return undefined;
  return forever && address.faults.length === 1 ? address.faults[0] : address.faults.shift();
}
