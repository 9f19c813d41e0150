import { Hono } from "hono";
import type { z } from "zod";
import { formatModelRef, LarderError } from "../../core/index.ts";
import type { Preload, PreloadRequest } from "../../preload/index.ts";
import type { HttpEnv } from "../exchange.ts";
import type { Allow } from "../guard/route-guards.ts";
import { modelTarget } from "../infer/target.ts";
import { jsonBody, queryOf } from "../validate.ts";
import { preloadBody, preloadConfigBody, preloadQuery } from "./preload-body.ts";
import { withoutUndefined } from "./without-undefined.ts";

/**
 * Loading before anybody asks. Who may infer may ask for it, because it takes nothing away from others; what others have asked for
 * is for administrators to change.
 */
export function preloadRoutes(preload: Preload, allow: Allow): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .get("/api/preload", allow("read"), async (c) => c.json(await preload.list()))
    .post("/api/preload", allow("infer"), jsonBody(preloadBody), async (c) => {
      return c.json({ added: await preload.add(requestsOf(c.req.valid("json"))) });
    })
    .delete("/api/preload", allow("admin"), queryOf(preloadQuery), async (c) => {
      return c.json({ removed: await preload.remove(referenceOf(c.req.valid("query"))) });
    })
    .put("/api/preload/config", allow("admin"), jsonBody(preloadConfigBody), async (c) => {
      return c.json(await preload.configure(withoutUndefined(c.req.valid("json"))));
    })
    .get("/api/preload/stats", allow("read"), async (c) => c.json(await preload.stats()))
    .post("/api/preload/process", allow("admin"), async (c) => {
      return c.json({ results: await preload.process(c.req.raw.signal) });
    });
}

function requestsOf(body: z.output<typeof preloadBody>): PreloadRequest[] {
  const { models, ...one } = body;
  return (models ?? [one]).map(({ model = "", priority, ...beside }) => ({
    ...modelTarget(model, beside),
    ...(priority === undefined ? {} : { priority }),
  }));
}

/** As it stands in the queue. */
function referenceOf({ model, ...beside }: z.output<typeof preloadQuery>): string | undefined {
  if (model !== undefined) return formatModelRef(modelTarget(model, beside));
  const field = Object.entries(beside).find(([, value]) => value !== undefined)?.[0];
  if (field === undefined) return undefined;
  throw new LarderError("BAD_QUERY", `Cannot use ${field} without a model`, { field });
}
