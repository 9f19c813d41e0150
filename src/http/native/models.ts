import { type Context, Hono } from "hono";
import { z } from "zod";
import { BEST, LarderError, parseAlias } from "../../core/index.ts";
import type { LarderApi } from "../../library/index.ts";
import type { HttpEnv } from "../exchange.ts";
import type { Allow } from "../guard/route-guards.ts";
import { NoRouteError } from "../problem.ts";
import { type ModelTarget, parseModelTarget, rawPath } from "../target.ts";
import { checkBody, jsonBody, queryOf } from "../validate.ts";
import { pullBody, pullRequest } from "./pull-body.ts";
import {
  aliasBody,
  bestBody,
  hubCacheBody,
  importBody,
  modelOrPathQuery,
  modelQuery,
  scanBody,
} from "./schemas.ts";
import { withoutUndefined } from "./without-undefined.ts";

type Models = Pick<
  LarderApi,
  | "scan"
  | "pull"
  | "describe"
  | "path"
  | "remove"
  | "setAlias"
  | "removeAlias"
  | "setBestMetric"
  | "importPath"
  | "importHubCache"
>;

/** Names hold slashes, so what follows `/api/models/` is read from the address as it came, not by the router. */
export function modelRoutes(library: Models, allow: Allow): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .post("/api/models/download", allow("pull"), jsonBody(pullBody), async (c) => {
      return c.json(await library.pull(pullRequest(c.req.valid("json"))), 202);
    })
    .post("/api/models/import", allow("admin"), jsonBody(importBody), async (c) => {
      return c.json(await library.importPath(withoutUndefined(c.req.valid("json"))), 202);
    })
    .post("/api/models/import-hub-cache", allow("admin"), jsonBody(hubCacheBody), async (c) => {
      return c.json(await library.importHubCache(withoutUndefined(c.req.valid("json"))), 202);
    })
    .post("/api/models/scan", allow("pull"), jsonBody(scanBody), async (c) => {
      return c.json(await library.scan(withoutUndefined(c.req.valid("json"))));
    })
    .get("/api/models/*", allow("read"), queryOf(modelOrPathQuery), async (c) => {
      const { version, layout } = c.req.valid("query");
      const target = targetOf(c, version);
      if (target.kind === "alias") throw new NoRouteError(["PUT", "DELETE"]);
      const { kind, reference } = target;
      if (kind === "path") return c.json(await library.path(reference, withoutUndefined({ layout })));
      if (layout === undefined) return c.json(await library.describe(reference));
      throw new LarderError("BAD_QUERY", "Cannot use layout for a model's description", {
        field: "layout",
        hint: "Ask for /api/models/{model}/path.",
      });
    })
    .put("/api/models/*", allow("admin"), jsonBody(z.looseObject({})), async (c) => {
      const target = targetOf(c);
      if (target.kind !== "alias") throw new NoRouteError(["GET", "DELETE"]);
      const body = c.req.valid("json");
      if (target.alias === BEST) {
        const wanted = withoutUndefined(checkBody(bestBody, body));
        return c.json(await library.setBestMetric(target.model, wanted));
      }
      const alias = parseAlias(target.alias);
      return c.json(await library.setAlias(target.model, alias, checkBody(aliasBody, body).version));
    })
    .delete("/api/models/*", allow("admin"), queryOf(modelQuery), async (c) => {
      const target = targetOf(c, c.req.valid("query").version);
      if (target.kind === "path") throw new NoRouteError(["GET"]);
      if (target.kind === "model") return c.json(await library.remove(target.reference));
      await library.removeAlias(target.model, target.alias === BEST ? BEST : parseAlias(target.alias));
      return c.body(null, 204);
    });
}

function targetOf(c: Context, version?: string): ModelTarget {
  return parseModelTarget(rawPath(c.req.raw.url), version);
}
