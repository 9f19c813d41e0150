import type { Hono } from "hono";
import type { HubServing, Library } from "../../library/index.ts";
import type { Metrics } from "../../metrics/index.ts";
import type { Preload } from "../../preload/index.ts";
import { createApp } from "../app.ts";
import type { Dialect } from "../dialect.ts";
import { type Exchange, type HttpEnv, REQUEST_ID } from "../exchange.ts";
import { AccessGuard } from "../guard/access.ts";
import { InferBodies } from "../infer/bodies.ts";
import { kserveRefusal } from "../kserve/refusal.ts";
import { KserveRoutes } from "../kserve/routes.ts";
import { isKservePath } from "../kserve/target.ts";
import { openaiRefusal } from "../openai/refusal.ts";
import { OPENAI_PREFIX } from "../openai/routes.ts";
import { NoRouteError, problemResponse } from "../problem.ts";
import { FILES_PREFIX } from "../target.ts";
import { FileRoute } from "./files.ts";
import { LibraryRoute } from "./library.ts";
import { PredictRoute } from "./predict.ts";

export interface NativeOptions {
  readonly library: Library;
  readonly serving?: HubServing | undefined;
  readonly preload?: Preload | undefined;
  readonly metrics: Metrics;
  readonly config: {
    readonly host: string;
    readonly bodyBytesMax: number;
    readonly inferBodyBytesMax: number;
  };
  readonly stopped: AbortSignal;
}

const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "DELETE"]);
const QUIET =
  /^\/(?:api\/files|api\/models\/library|api\/v1\/(?:batch_)?predict|health|metrics|v2\/(?:health|models))\b/;

/** Larder's own API, and beside it the protocols that have paths of their own. */
export class NativeDialect implements Dialect {
  readonly #files: FileRoute;
  readonly #models: LibraryRoute;
  readonly #predict: PredictRoute;
  readonly #kserve: KserveRoutes;
  readonly #app: Hono<HttpEnv>;

  constructor({ library, serving, preload, metrics, config, stopped }: NativeOptions) {
    const { bodyBytesMax } = config;
    const access = new AccessGuard({ library, host: config.host });
    const bodies = new InferBodies(config.inferBodyBytesMax);
    this.#files = new FileRoute({ library, access, metrics });
    this.#models = new LibraryRoute({ listing: library.listing, access });
    this.#predict = new PredictRoute({ models: library.models, access, bodies });
    this.#kserve = new KserveRoutes({ library, access, bodies });
    this.#app = createApp({ library, serving, preload, access, metrics, bodyBytesMax, stopped });
  }

  answer(request: Request, path: string, exchange: Exchange): Response | Promise<Response> {
    if (path.startsWith(FILES_PREFIX)) return this.#files.answer(request, path, exchange);
    if (LibraryRoute.has(path)) return this.#models.answer(request, exchange);
    if (PredictRoute.has(path)) return this.#predict.answer(request, path, exchange);
    if (isKservePath(path)) return this.#kserve.answer(request, path, exchange);
    // Hono would answer a TRACE or an OPTIONS through a route for all methods; there is none, but nothing here may echo.
    if (!METHODS.has(request.method)) throw new NoRouteError([...METHODS]);
    return this.#askApp(request, exchange);
  }

  refuse(error: unknown, requestId: string, path: string): Response {
    if (path.startsWith(OPENAI_PREFIX)) return openaiRefusal(error, requestId);
    if (isKservePath(path)) return kserveRefusal(error, requestId);
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
