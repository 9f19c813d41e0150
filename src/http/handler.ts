import type { Hono } from "hono";
import { isLarderError, LarderError, type Logger, logger } from "../core/index.ts";
import type { Library } from "../library/index.ts";
import type { Metrics } from "../metrics/index.ts";
import { createApp } from "./app.ts";
import { type Exchange, type HttpEnv, NO_ROUTE, type Peer, REQUEST_ID, RequestIds } from "./exchange.ts";
import { AccessGuard } from "./guard/access.ts";
import { HostGuard } from "./guard/host.ts";
import { checkOrigin } from "./guard/origin.ts";
import { FileRoute } from "./native/files.ts";
import { NoRouteError, problemResponse } from "./problem.ts";
import { FILES_PREFIX, rawPath } from "./target.ts";

export interface HandlerOptions {
  readonly library: Library;
  readonly metrics: Metrics;
  readonly config: {
    readonly host: string;
    readonly allowHosts: readonly string[];
    readonly bodyBytesMax: number;
  };
  readonly stopped?: AbortSignal;
  readonly log?: Logger;
}

/** Routes that are asked all the time or by the thousand: they are worth a line only when somebody looks closely. */
const QUIET = /^\/(?:api\/files|health|metrics)\b/;

/** One request to one answer: the guards that hold for every address, the route, the id, the count and the log line. */
export class Handler {
  readonly #hosts: HostGuard;
  readonly #files: FileRoute;
  readonly #app: Hono<HttpEnv>;
  readonly #metrics: Metrics;
  readonly #log: Logger;
  /** Asked once: the walk through the logger's parents is as long as a good part of a small file's answer. */
  readonly #logsQuiet: boolean;
  readonly #ids = new RequestIds();

  constructor(options: HandlerOptions) {
    const { library, metrics, config, stopped = new AbortController().signal, log = logger("http") } =
      options;
    const access = new AccessGuard({ library, host: config.host });
    this.#hosts = new HostGuard(config);
    this.#files = new FileRoute({ library, access, metrics });
    this.#app = createApp({ library, access, metrics, bodyBytesMax: config.bodyBytesMax, stopped });
    this.#metrics = metrics;
    this.#log = log;
    this.#logsQuiet = log.isEnabledFor("debug");
  }

  /** Never throws and never rejects. */
  handle(request: Request, peer: Peer): Response | Promise<Response> {
    const exchange: Exchange = { id: this.#ids.next(), peer, route: NO_ROUTE };
    const startMs = performance.now();
    const finish = (response: Response) => this.#finish(request, exchange, response, startMs);
    const fail = (error: unknown) => finish(this.#problem(error, exchange));
    try {
      const response = this.#route(request, exchange);
      return response instanceof Promise ? response.then(finish, fail) : finish(response);
    } catch (error) {
      return fail(error);
    }
  }

  /** An answer without looking at the request, for when there is no room or no time for it. */
  refuse(request: Request, peer: Peer, error: LarderError): Response {
    const exchange: Exchange = { id: this.#ids.next(), peer, route: NO_ROUTE };
    return this.#finish(request, exchange, problemResponse(error, exchange.id), performance.now());
  }

  /** Gives memory and open files back; call it when nothing is being answered any more. */
  close(): void {
    this.#files.close();
  }

  #route(request: Request, exchange: Exchange): Response | Promise<Response> {
    if (!exchange.peer.trusted) {
      this.#hosts.check(request.headers.get("host"));
      checkOrigin(request);
    }
    const path = rawPath(request.url);
    if (path.startsWith(FILES_PREFIX)) return this.#files.answer(request, path, exchange);
    // Hono would answer a TRACE or an OPTIONS through a route for all methods; there is none, but nothing here may echo.
    if (!METHODS.has(request.method)) throw new NoRouteError([...METHODS]);
    return this.#askApp(request, exchange);
  }

  async #askApp(request: Request, exchange: Exchange): Promise<Response> {
    const response = await this.#app.fetch(request, { exchange });
    response.headers.set(REQUEST_ID, exchange.id);
    return response;
  }

  #problem(error: unknown, exchange: Exchange): Response {
    if (!isLarderError(error) && !(error instanceof NoRouteError)) {
      this.#log.error("Answering {route} failed: {error}", {
        route: exchange.route,
        request_id: exchange.id,
        error,
      });
    }
    return problemResponse(error, exchange.id);
  }

  #finish(request: Request, exchange: Exchange, response: Response, startMs: number): Response {
    this.#metrics.countRequest(request.method, exchange.route, response.status);
    const quiet = response.status < 500 && QUIET.test(exchange.route);
    if (!quiet || this.#logsQuiet) {
      this.#logAnswer(quiet ? "debug" : "info", request, exchange, response, startMs);
    }
    return response;
  }

  #logAnswer(
    level: "debug" | "info",
    { method }: Request,
    { id, route }: Exchange,
    { status }: Response,
    startMs: number,
  ): void {
    const ms = Math.round((performance.now() - startMs) * 10) / 10;
    this.#log[level]("{method} {route} {status}", { method, route, status, ms, request_id: id });
  }
}

const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "DELETE"]);
