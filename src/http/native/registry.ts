import { Hono } from "hono";
import { z } from "zod";
import type { Catalog } from "../../library/index.ts";
import type { HttpEnv } from "../exchange.ts";
import type { Allow } from "../guard/route-guards.ts";
import { jsonBody, queryOf } from "../validate.ts";
import { limit } from "./schemas.ts";
import { withoutUndefined } from "./without-undefined.ts";

const REFERENCE = "a reference, at most 500 characters";

const limitQuery = z.strictObject({ limit: limit.optional() });
const cachedQuery = limitQuery.extend({ where: z.enum(["disk", "memory"], "disk or memory").optional() });
const useQuery = z.strictObject({ model: z.string(REFERENCE).min(1, REFERENCE).max(500, REFERENCE) });
const clearBody = z.strictObject({ confirm: z.boolean("true: everything goes") });

/** Questions about all that is here. */
export function registryRoutes(catalog: Catalog, allow: Allow): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .get("/api/registry/cached", allow("read"), queryOf(cachedQuery), async (c) => {
      return c.json({ variants: await catalog.cached(withoutUndefined(c.req.valid("query"))) });
    })
    .get("/api/registry/oldest", allow("read"), queryOf(limitQuery), async (c) => {
      return c.json({ variants: await catalog.oldest(c.req.valid("query").limit) });
    })
    .get("/api/registry/least-used", allow("read"), queryOf(limitQuery), async (c) => {
      return c.json({ variants: await catalog.leastUsed(c.req.valid("query").limit) });
    })
    .get("/api/registry/usage", allow("read"), async (c) => c.json(await catalog.usage()))
    .get("/api/registry/use", allow("read"), queryOf(useQuery), async (c) => {
      return c.json(await catalog.use(c.req.valid("query").model));
    })
    .post("/api/registry/clear", allow("admin"), jsonBody(clearBody), async (c) => {
      return c.json(await catalog.clear(c.req.valid("json")), 202);
    });
}
