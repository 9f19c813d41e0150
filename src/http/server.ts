import { chmodSync, rmSync } from "node:fs";
import type { Config } from "../config/index.ts";
import { LarderError, type Logger, logger, systemCode } from "../core/index.ts";
import type { HubServing, Library } from "../library/index.ts";
import { Metrics } from "../metrics/index.ts";
import type { Preload } from "../preload/index.ts";
import { isLoopback } from "./guard/host.ts";
import { Handler } from "./handler.ts";
import { HubDialect } from "./hub/dialect.ts";
import { drain, Listener } from "./listener.ts";
import { NativeDialect } from "./native/dialect.ts";

/** A Unix socket's name has 108 bytes with its end (Linux `sun_path`; macOS has 104). */
const SOCKET_PATH_BYTES_MAX = process.platform === "darwin" ? 103 : 107;

/** Where each listener finds its address in the configuration. */
const API_FIELDS = { host: "host", port: "port" };
const HUB_FIELDS = { host: "hub_host", port: "hub_port" };

export interface HttpOptions {
  readonly library: Library;
  /** Absent: nobody is told the digests of chunks. */
  readonly serving?: HubServing;
  /** Absent: nothing is loaded before somebody asks. */
  readonly preload?: Preload;
  readonly config: Pick<
    Config,
    "host" | "port" | "allowHosts" | "connectionsMax" | "bodyBytesMax" | "inferBodyBytesMax" | "shutdownS"
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
  const { library, serving, preload, config, unixSocket, metrics = new Metrics() } = options;
  refuseOpenNetwork(config.host, library, API_FIELDS.host);
  const stopping = new AbortController();
  const stopped = stopping.signal;
  const dialect = new NativeDialect({ library, serving, preload, metrics, config, stopped });
  const handler = new Handler({ dialect, config, metrics, log: options.log ?? logger("http") });
  const listener = new Listener({ handler, config, stopping: stopped });
  const tcp = listener.listen({ hostname: config.host, port: config.port, fields: API_FIELDS });
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
      await stopAll({ servers, stopping, handler, shutdownS: config.shutdownS });
      if (unixSocket !== undefined) removeSocket(unixSocket);
    },
  };
}

export interface HubHttpOptions {
  readonly library: Pick<Library, "hasModel" | "serveFile" | "scopesOf" | "isOpen">;
  readonly serving: HubServing;
  readonly config: Pick<
    Config,
    "hubHost" | "hubPort" | "allowHosts" | "connectionsMax" | "bodyBytesMax" | "shutdownS"
  >;
  /** Those of the API listener, so that one scrape has both. */
  readonly metrics?: Metrics;
  readonly log?: Logger;
}

/**
 * Starts the listener that the hub's clients and other larders pull from: what is here, in the hub's dialect.
 *
 * @throws {LarderError} PORT_IN_USE, PERMISSION; CONFIG: a network address without any token, an address that is not ours.
 */
export async function startHubHttp(options: HubHttpOptions): Promise<HttpServer> {
  const { library, serving, config, metrics = new Metrics(), log = logger("hub-http") } = options;
  refuseOpenNetwork(config.hubHost, library, HUB_FIELDS.host);
  const stopping = new AbortController();
  const { hubHost: host, hubPort: port, allowHosts, bodyBytesMax } = config;
  const dialect = new HubDialect({ library, serving, metrics, config: { host, bodyBytesMax } });
  const handler = new Handler({ dialect, config: { host, allowHosts }, metrics, log });
  const listener = new Listener({ handler, config, stopping: stopping.signal });
  const server = listener.listen({ hostname: host, port, fields: HUB_FIELDS });
  metrics.gauge(
    "larder_hub_requests_running",
    "Requests of the hub's clients being answered.",
    () => server.pendingRequests,
  );
  return {
    url: server.url,
    stop: () => stopAll({ servers: [server], stopping, handler, shutdownS: config.shutdownS }),
  };
}

interface Stopping {
  readonly servers: ReadonlyArray<Bun.Server<undefined>>;
  readonly stopping: AbortController;
  readonly handler: Handler;
  readonly shutdownS: number;
}

async function stopAll({ servers, stopping, handler, shutdownS }: Stopping): Promise<void> {
  stopping.abort(new LarderError("SHUTTING_DOWN", "Cannot go on: the server stops"));
  await Promise.all(servers.map((server) => drain(server, shutdownS)));
  handler.close();
}

function refuseOpenNetwork(host: string, library: Pick<Library, "isOpen">, field: string): void {
  if (isLoopback(host) || !library.isOpen()) return;
  throw new LarderError(
    "CONFIG",
    `Cannot listen on ${host}: without a token everybody on that network could use this server`,
    { field, hint: 'Make one with "larder token create" first, or listen on 127.0.0.1.' },
  );
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
