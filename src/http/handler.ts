import { isLarderError, type LarderError, type Logger, logger } from "../core/index.ts";
import type { Metrics } from "../metrics/index.ts";
import type { Dialect } from "./dialect.ts";
import { type Exchange, NO_ROUTE, type Peer, RequestIds } from "./exchange.ts";
import { HostGuard } from "./guard/host.ts";
import { checkOrigin } from "./guard/origin.ts";
import { NoRouteError } from "./problem.ts";
import { rawPath } from "./target.ts";

export interface HandlerOptions {
  readonly dialect: Dialect;
  readonly metrics: Metrics;
  readonly config: { readonly host: string; readonly allowHosts: readonly string[] };
  readonly log?: Logger;
}

/** One request to one answer: the guards that hold for every address, the route, the id, the count and the log line. */
export class Handler {
  readonly #hosts: HostGuard;
  readonly #dialect: Dialect;
  readonly #metrics: Metrics;
  readonly #log: Logger;
  /** Asked once: the walk through the logger's parents is as long as a good part of a small file's answer. */
  readonly #logsQuiet: boolean;
  readonly #ids = new RequestIds();

  constructor({ dialect, metrics, config, log = logger("http") }: HandlerOptions) {
    this.#hosts = new HostGuard(config);
    this.#dialect = dialect;
    this.#metrics = metrics;
    this.#log = log;
    this.#logsQuiet = log.isEnabledFor("debug");
  }

  /** Never throws and never rejects. */
  handle(request: Request, peer: Peer): Response | Promise<Response> {
    const exchange: Exchange = { id: this.#ids.next(), peer, route: NO_ROUTE };
    const startMs = performance.now();
    const finish = (response: Response) => this.#finish(request, exchange, response, startMs);
    const fail = (error: unknown) => finish(this.#problem(error, exchange, request));
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
    const response = this.#dialect.refuse(error, exchange.id, rawPath(request.url));
    return this.#finish(request, exchange, response, performance.now());
  }

  /** What breaks after the answer was made: a file that was deleted between look-up and sending. */
  failed(error: unknown): Response {
    this.#log.error("Sending an answer failed: {error}", { error });
    return this.#dialect.refuse(error, "(unknown)", "");
  }

  /** Gives memory and open files back; call it when nothing is being answered any more. */
  close(): void {
    this.#dialect.close();
  }

  #route(request: Request, exchange: Exchange): Response | Promise<Response> {
    if (!exchange.peer.trusted) {
      this.#hosts.check(request.headers.get("host"));
      checkOrigin(request);
    }
    return this.#dialect.answer(request, rawPath(request.url), exchange);
  }

  #problem(error: unknown, exchange: Exchange, { url }: Request): Response {
    if (!isLarderError(error) && !(error instanceof NoRouteError)) {
      this.#log.error("Answering {route} failed: {error}", {
        route: exchange.route,
        request_id: exchange.id,
        error,
      });
    }
    return this.#dialect.refuse(error, exchange.id, rawPath(url));
  }

  #finish(request: Request, exchange: Exchange, response: Response, startMs: number): Response {
    this.#metrics.countRequest(request.method, exchange.route, response.status);
    const quiet = response.status < 500 && this.#dialect.isQuiet(exchange.route);
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
