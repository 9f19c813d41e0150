import { chmodSync, rmSync } from "node:fs";
import type { Config } from "../config/index.ts";
import { LarderError, type Logger, logger, systemCode } from "../core/index.ts";
import type { Library } from "../library/index.ts";
import { Metrics } from "../metrics/index.ts";
import { isLoopback } from "./guard/host.ts";
import { Handler } from "./handler.ts";
import { problemResponse } from "./problem.ts";

/** The runtime's largest: a shorter one cuts clients that read slowly, and none at all keeps those that never read. */
const IDLE_TIMEOUT_S = 255;
/** A Unix socket's name has 108 bytes with its end (Linux `sun_path`; macOS has 104). */
const SOCKET_PATH_BYTES_MAX = process.platform === "darwin" ? 103 : 107;

export interface HttpOptions {
  readonly library: Library;
  readonly config: Pick<
    Config,
    "host" | "port" | "allowHosts" | "connectionsMax" | "bodyBytesMax" | "shutdownS"
  >;
  /** Where the owner's own socket is made; who can open it may do everything. */
  readonly unixSocket?: string;
  readonly metrics?: Metrics;
  readonly log?: Logger;
}

export interface HttpServer {
  readonly url: URL;
  /** Takes nothing new, ends event streams, lets running answers finish until the deadline, then cuts them. */
  stop(): Promise<void>;
}

/**
 * Starts the API listener and, if asked, the same on a Unix socket.
 *
 * @throws {LarderError} PORT_IN_USE, PERMISSION; CONFIG: a network address without any token, an address that is not ours,
 * a home too long for a socket.
 */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const { library, config, unixSocket, log = logger("http"), metrics = new Metrics() } = options;
  refuseOpenNetwork(config.host, library);
  const stopping = new AbortController();
  const handler = new Handler({ library, config, metrics, log, stopped: stopping.signal });
  const listener = new Listener(handler, config, stopping.signal, log);
  const tcp = listener.listen({ hostname: config.host, port: config.port });
  let socket: Bun.Server<undefined> | undefined;
  try {
    socket = unixSocket === undefined ? undefined : listenOnSocket(listener, unixSocket);
  } catch (error) {
    await tcp.stop(true);
    throw error;
  }
  metrics.gauge("larder_http_requests_running", "Requests being answered.", () => tcp.pendingRequests);
  metrics.gauge(
    "larder_pulls_running",
    "Pulls that transfer.",
    async () => (await library.health()).pulls_running,
  );
  const servers = socket === undefined ? [tcp] : [tcp, socket];
  return {
    url: tcp.url,
    stop: async () => {
      stopping.abort(new LarderError("SHUTTING_DOWN", "Cannot go on: the server stops"));
      await Promise.all(servers.map((server) => drain(server, config.shutdownS)));
      handler.close();
      if (unixSocket !== undefined) removeSocket(unixSocket);
    },
  };
}

function refuseOpenNetwork(host: string, library: Pick<Library, "isOpen">): void {
  if (isLoopback(host) || !library.isOpen()) return;
  throw new LarderError(
    "CONFIG",
    `Cannot listen on ${host}: without a token everybody on that network could use this server`,
    { field: "host", hint: 'Make one with "larder token create" first, or listen on 127.0.0.1.' },
  );
}

type Address = { readonly hostname: string; readonly port: number } | { readonly unix: string };

class Listener {
  readonly #handler: Handler;
  readonly #config: HttpOptions["config"];
  readonly #stopping: AbortSignal;
  readonly #log: Logger;

  constructor(handler: Handler, config: HttpOptions["config"], stopping: AbortSignal, log: Logger) {
    this.#handler = handler;
    this.#config = config;
    this.#stopping = stopping;
    this.#log = log;
  }

  listen(address: Address): Bun.Server<undefined> {
    const peer = { trusted: "unix" in address };
    try {
      return Bun.serve({
        ...address,
        development: false,
        // Unset, Bun lets a second server share the port when development is off: requests would go to either.
        reusePort: false,
        idleTimeout: IDLE_TIMEOUT_S,
        // Above our own limit, so that our own answer says what is allowed; this one bounds what a liar may send.
        maxRequestBodySize: this.#config.bodyBytesMax * 4,
        fetch: (request, server) => {
          const refusal = this.#refusal(server);
          if (refusal !== undefined) return this.#handler.refuse(request, peer, refusal);
          return this.#handler.handle(request, peer);
        },
        error: (error) => this.#failed(error),
      } as Bun.Serve.Options<undefined>);
    } catch (error) {
      throw listenError(error, address);
    }
  }

  /** Over its limit a server answers fast that it is busy, rather than everybody slowly. */
  #refusal(server: Bun.Server<undefined>): LarderError | undefined {
    if (this.#stopping.aborted) {
      return new LarderError("SHUTTING_DOWN", "Cannot take a request: the server stops", {
        retryable: true,
        retryAfterS: 1,
      });
    }
    if (server.pendingRequests <= this.#config.connectionsMax) return undefined;
    return new LarderError("TOO_MANY", "Cannot take a request: too many are being answered", {
      retryable: true,
      retryAfterS: 1,
      hint: "Try again soon, or raise connections_max.",
    });
  }

  /** What breaks after the handler: a file that was deleted between look-up and sending. */
  #failed(error: unknown): Response {
    this.#log.error("Sending an answer failed: {error}", { error });
    return problemResponse(error, "(unknown)");
  }
}

function listenOnSocket(listener: Listener, path: string): Bun.Server<undefined> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    throw new LarderError("CONFIG", `Cannot make the socket ${path}: its path is too long`, {
      field: "home",
      hint: `Choose a home whose path has at most ${SOCKET_PATH_BYTES_MAX - "/larder.sock".length} bytes.`,
    });
  }
  // Left by a killed owner: whoever starts a listener owns the home, so nobody listens there.
  rmSync(path, { force: true });
  const server = listener.listen({ unix: path });
  chmodSync(path, 0o600);
  return server;
}

/** On a disk that became read-only it stays, as after a kill: the next owner replaces it. */
function removeSocket(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
  }
}

function listenError(error: unknown, address: Address): unknown {
  if ("unix" in address) return error;
  const { hostname, port } = address;
  switch (systemCode(error)) {
    case "EADDRINUSE":
      return new LarderError("PORT_IN_USE", `Cannot listen on ${hostname}:${port}: the port is in use`, {
        field: "port",
        hint: "Stop the other server, or choose another port; 0 takes a free one.",
        cause: error,
      });
    case "EACCES":
      return new LarderError("PERMISSION", `Cannot listen on ${hostname}:${port}: not permitted`, {
        field: "port",
        hint: "Choose a port from 1024 on.",
        cause: error,
      });
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new LarderError("CONFIG", `Cannot listen on ${hostname}: it is not an address of this machine`, {
        field: "host",
        cause: error,
      });
    default:
      return error;
  }
}

/** Stopping waits for running answers; what is not done by the deadline is cut. */
async function drain(server: Bun.Server<undefined>, deadlineS: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<"late">();
  const timer = setTimeout(() => resolve("late"), deadlineS * 1000);
  const outcome = await Promise.race([server.stop(), late]);
  clearTimeout(timer);
  if (outcome === "late") await server.stop(true);
}
