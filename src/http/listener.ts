import type { Config } from "../config/index.ts";
import { LarderError, systemCode } from "../core/index.ts";
import type { Handler } from "./handler.ts";

/** The runtime's largest: a shorter one cuts clients that read slowly, and none at all keeps those that never read. */
const IDLE_TIMEOUT_S = 255;

/** An address of the network, with the names that its two halves have in the configuration; or a Unix socket. */
export type Address =
  | {
    readonly hostname: string;
    readonly port: number;
    readonly fields: { readonly host: string; readonly port: string };
  }
  | { readonly unix: string };

export interface ListenerOptions {
  readonly handler: Handler;
  readonly config:
    & Pick<Config, "connectionsMax" | "bodyBytesMax">
    & Partial<Pick<Config, "inferBodyBytesMax">>;
  /** Aborted when nothing new is to be taken. */
  readonly stopping: AbortSignal;
}

/** Binds a handler to addresses, within the limits for requests. */
export class Listener {
  readonly #handler: Handler;
  readonly #config: ListenerOptions["config"];
  readonly #stopping: AbortSignal;

  constructor({ handler, config, stopping }: ListenerOptions) {
    this.#handler = handler;
    this.#config = config;
    this.#stopping = stopping;
  }

  /** @throws {LarderError} PORT_IN_USE, PERMISSION; CONFIG: an address that is not ours. */
  listen(address: Address): Bun.Server<undefined> {
    const peer = { trusted: "unix" in address };
    const { bodyBytesMax, inferBodyBytesMax = 0 } = this.#config;
    const where = "unix" in address ? address : { hostname: address.hostname, port: address.port };
    try {
      return Bun.serve({
        ...where,
        development: false,
        // Unset, Bun lets a second server share the port when development is off: requests would go to either.
        reusePort: false,
        idleTimeout: IDLE_TIMEOUT_S,
        // Above our own limit, so that our own answer says what is allowed; this one bounds what a liar may send.
        maxRequestBodySize: Math.max(bodyBytesMax * 4, inferBodyBytesMax * 2),
        fetch: (request, server) => {
          const refusal = this.#refusal(server);
          if (refusal !== undefined) return this.#handler.refuse(request, peer, refusal);
          return this.#handler.handle(request, peer);
        },
        error: (error) => this.#handler.failed(error),
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
}

function listenError(error: unknown, address: Address): unknown {
  if ("unix" in address) return error;
  const { hostname, port, fields } = address;
  switch (systemCode(error)) {
    case "EADDRINUSE":
      return new LarderError("PORT_IN_USE", `Cannot listen on ${hostname}:${port}: the port is in use`, {
        field: fields.port,
        hint: "Stop the other server, or choose another port; 0 takes a free one.",
        cause: error,
      });
    case "EACCES":
      return new LarderError("PERMISSION", `Cannot listen on ${hostname}:${port}: not permitted`, {
        field: fields.port,
        hint: "Choose a port from 1024 on.",
        cause: error,
      });
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new LarderError("CONFIG", `Cannot listen on ${hostname}: it is not an address of this machine`, {
        field: fields.host,
        cause: error,
      });
    default:
      return error;
  }
}

/** Stopping waits for running answers; what is not done by the deadline is cut. */
export async function drain(server: Bun.Server<undefined>, deadlineS: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<"late">();
  const timer = setTimeout(() => resolve("late"), deadlineS * 1000);
  const outcome = await Promise.race([server.stop(), late]);
  clearTimeout(timer);
  if (outcome === "late") await server.stop(true);
}
