import { type Context, Hono } from "hono";
import { LarderError, parseModelName } from "../../core/index.ts";
import type { Models, ModelTarget, ReloadView } from "../../library/index.ts";
import type { HttpEnv } from "../exchange.ts";
import type { Allow } from "../guard/route-guards.ts";
import { type GivenBeside, modelTarget } from "../infer/target.ts";
import { decode, MODELS_PREFIX, rawPath } from "../target.ts";
import { jsonBody, queryOf } from "../validate.ts";
import {
  cacheConfigBody,
  cacheSettings,
  evictBody,
  explainQuery,
  loadableQuery,
  loadBody,
  pinBody,
  reloadBody,
  settingsView,
  versionQuery,
} from "./cache-body.ts";
import { callOptions } from "./predict-body.ts";

/**
 * Models in memory. Who may infer may load, because inference loads too; what takes a model away from others, or keeps their memory,
 * is for administrators.
 */
export function cacheRoutes(models: Models, allow: Allow): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .get("/api/cache", allow("read"), (c) => c.json(overview(models)))
    .get("/api/cache/stats", allow("read"), (c) => c.json(models.cacheStats()))
    .get("/api/cache/models", allow("read"), queryOf(loadableQuery), async (c) => {
      const { model } = c.req.valid("query");
      return c.json({ models: await models.loadable(model === undefined ? model : parseModelName(model)) });
    })
    .get("/api/cache/explain", allow("read"), queryOf(explainQuery), async (c) => {
      const { model, ...beside } = c.req.valid("query");
      return c.json(await models.explain(model === undefined ? model : modelTarget(model, beside)));
    })
    .put("/api/cache/config", allow("admin"), jsonBody(cacheConfigBody), (c) => {
      return c.json(settingsView(models.configureCache(cacheSettings(c.req.valid("json")))));
    })
    .post("/api/cache/load", allow("infer"), jsonBody(loadBody), async (c) => {
      const { model, deadline_ms, ...beside } = c.req.valid("json");
      const options = callOptions(deadline_ms, c.req.raw.signal);
      return c.json(await models.load(modelTarget(model, beside), options));
    })
    .post("/api/cache/evict", allow("admin"), jsonBody(evictBody), async (c) => {
      const { model, ...beside } = c.req.valid("json");
      const target = modelTarget(model, beside);
      return c.json({ ...target, evicted: await models.unload(target) });
    })
    .post("/api/v1/models/reload", allow("admin"), jsonBody(reloadBody), async (c) => {
      const { model, probe, ...beside } = c.req.valid("json");
      const target = model === undefined ? {} : modelTarget(model, beside);
      if (model === undefined) refuseAlone(beside);
      const request = { ...target, ...(probe === undefined ? {} : { probe }) };
      return c.json(succeeded(await models.reload(request, { signal: c.req.raw.signal }), model));
    });
}

/** `/api/models/{model}/metadata` and `…/pin`. They stand before the routes that take everything else below `/api/models/`. */
export function modelMemoryRoutes(models: Models, allow: Allow): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .get("/api/models/:model{.+}/metadata", allow("read"), queryOf(versionQuery), async (c) => {
      return c.json(await models.metadata(targetBefore(c, "/metadata", c.req.valid("query"))));
    })
    .put(
      "/api/models/:model{.+}/pin",
      allow("admin"),
      queryOf(versionQuery),
      jsonBody(pinBody),
      async (c) => {
        const { pinned } = c.req.valid("json");
        const target = targetBefore(c, "/pin", c.req.valid("query"));
        return c.json({ ...await models.setPinned(target, pinned), pinned });
      },
    );
}

/** Names hold slashes, raw or encoded, so they are read from the address as it came. */
export function targetBefore(c: Context, suffix: string, beside: GivenBeside): ModelTarget {
  const path = rawPath(c.req.raw.url);
  return modelTarget(decode(path.slice(MODELS_PREFIX.length, -suffix.length), "BAD_NAME"), beside);
}

function overview(models: Models) {
  const { policy, cache_size, count_max, bytes, bytes_max, waiting, pins, ...stats } = models.cacheStats();
  return {
    ...{ policy, cache_size, count_max, bytes, bytes_max, waiting, pins },
    models: stats.cached_models,
    loading: stats.loading_models,
    leaving: stats.leaving_models,
    failed: stats.failed_models,
  };
}

function refuseAlone(beside: Readonly<Record<string, string | undefined>>): void {
  const field = Object.keys(beside).find((key) => beside[key] !== undefined);
  if (field === undefined) return;
  throw new LarderError("BAD_BODY", `Cannot use ${field} without a model`, { field });
}

/** Of all models some may fail; of the one that was named, its failure is the answer. */
function succeeded(view: ReloadView, model: string | undefined): ReloadView {
  const [failure] = view.failed;
  if (model === undefined || failure === undefined) return view;
  throw LarderError.fromRecord({ ...failure.error, details: { ...failure.error.details, ...view } });
}
