import type { Hono } from "hono";
import type { HubServing, Library } from "../../library/index.ts";
import type { Metrics } from "../../metrics/index.ts";
import { createApp } from "../app.ts";
import type { Dialect } from "../dialect.ts";
import { type Exchange, type HttpEnv, REQUEST_ID } from "../exchange.ts";
import { AccessGuard } from "../guard/access.ts";
import { NoRouteError, problemResponse } from "../problem.ts";
import { FILES_PREFIX } from "../target.ts";
import { FileRoute } from "./files.ts";

export interface NativeOptions {
  readonly library: Library;
  readonly serving?: HubServing | undefined;
  readonly metrics: Metrics;
  readonly config: { readonly host: string; readonly bodyBytesMax: number };
  readonly stopped: AbortSignal;
}

const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "DELETE"]);
const QUIET = /^\/(?:api\/files|health|metrics)\b/;

/** Larder's own API. */
export class NativeDialect implements Dialect {
  readonly #files: FileRoute;
  readonly #app: Hono<HttpEnv>;

  constructor({ library, serving, metrics, config, stopped }: NativeOptions) {
    const access = new AccessGuard({ library, host: config.host });
    this.#files = new FileRoute({ library, access, metrics });
    this.#app = createApp({ library, serving, access, metrics, bodyBytesMax: config.bodyBytesMax, stopped });
  }

  answer(request: Request, path: string, exchange: Exchange): Response | Promise<Response> {
    if (path.startsWith(FILES_PREFIX)) return this.#files.answer(request, path, exchange);
    // Hono would answer a TRACE or an OPTIONS through a route for all methods; there is none, but nothing here may echo.
    if (!METHODS.has(request.method)) throw new NoRouteError([...METHODS]);
    return this.#askApp(request, exchange);
  }

  refuse(error: unknown, requestId: string): Response {
    return problemResponse(error, requestId);
  }

  isQuiet(route: string): boolean {
    return QUIET.test(route);
  }

  close(): void {
    this.#files.close();
  }

  async #askApp(request: Request, exchange: Exchange): Promise<Response> {
    const response = await this.#app.fetch(request, { exchange });
    response.headers.set(REQUEST_ID, exchange.id);
    return response;
  }
}
