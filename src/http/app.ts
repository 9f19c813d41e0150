import { Hono } from "hono";
import type { HubServing, Library } from "../library/index.ts";
import type { Metrics } from "../metrics/index.ts";
import type { Preload } from "../preload/index.ts";
import type { HttpEnv } from "./exchange.ts";
import type { AccessGuard } from "./guard/access.ts";
import { jsonBodiesOnly, limitBodies, routeGuard } from "./guard/route-guards.ts";
import { blobRoutes } from "./native/blobs.ts";
import { budgetRoutes } from "./native/budget.ts";
import { cacheRoutes, modelMemoryRoutes } from "./native/cache.ts";
import { healthRoutes } from "./native/health.ts";
import { jobRoutes } from "./native/jobs.ts";
import { listingRoutes } from "./native/listing.ts";
import { modelRoutes } from "./native/models.ts";
import { optionRoutes } from "./native/options.ts";
import { preloadRoutes } from "./native/preload.ts";
import { pullRoutes } from "./native/pulls.ts";
import { scrubRoutes } from "./native/scrub.ts";
import { registryRoutes } from "./native/registry.ts";
import { tokenRoutes } from "./native/tokens.ts";
import { watchedRoutes } from "./native/watched.ts";
import { openaiRoutes } from "./openai/routes.ts";
import { NoRouteError } from "./problem.ts";
import { asLarderError } from "./validate.ts";

export interface AppParts {
  readonly library: Library;
  readonly serving?: HubServing | undefined;
  /** Absent: nothing is loaded before somebody asks. */
  readonly preload?: Preload | undefined;
  readonly access: AccessGuard;
  readonly metrics: Metrics;
  readonly bodyBytesMax: number;
  /** Aborts when the server stops: streams of events end. */
  readonly stopped: AbortSignal;
}

const METHODS = ["GET", "POST", "PUT", "DELETE"];

/** Every route but that of the files. Errors go up to the handler, which has the one place that answers them. */
export function createApp(parts: AppParts): Hono<HttpEnv> {
  const { library, serving, preload, access, metrics, bodyBytesMax, stopped } = parts;
  const allow = routeGuard(access);
  const app = new Hono<HttpEnv>();
  app.use(limitBodies(bodyBytesMax), jsonBodiesOnly);
  app.route("/", healthRoutes(library, allow, metrics));
  app.route("/", cacheRoutes(library.models, allow));
  app.route("/", modelMemoryRoutes(library.models, allow));
  app.route("/", optionRoutes(library.options, allow));
  app.route("/", listingRoutes(library.listing, allow));
  app.route("/", modelRoutes(library, allow));
  app.route("/", pullRoutes(library, allow, stopped));
  app.route("/", jobRoutes(library, allow, stopped));
  app.route("/", budgetRoutes(library, allow));
  app.route("/", registryRoutes(library.catalog, allow));
  app.route("/", scrubRoutes(library.scrub, allow));
  app.route("/", tokenRoutes(library, allow));
  app.route("/", watchedRoutes(library.watched, allow));
  app.route("/", openaiRoutes(library.models, routeGuard(access.ignoringForeign())));
  if (preload !== undefined) app.route("/", preloadRoutes(preload, allow));
  if (serving !== undefined) app.route("/", blobRoutes(serving, allow));
  app.onError((error) => {
    throw asLarderError(error);
  });
  app.notFound((c) => {
    throw new NoRouteError(METHODS.filter((method) => hasHandler(app, method, c.req.path)));
  });
  return app;
}

/** Beside the two middlewares that stand before every route. */
function hasHandler(app: Hono<HttpEnv>, method: string, path: string): boolean {
  return app.router.match(method, path)[0].length > 2;
}
