import { Hono } from "hono";
import type { Listing } from "../../library/index.ts";
import type { HttpEnv } from "../exchange.ts";
import type { Allow } from "../guard/route-guards.ts";
import { jsonBody } from "../validate.ts";
import { cacheConfigBody, refreshBody } from "./listing-body.ts";

/** The caches that the list of models is answered from. They stand before the routes that take everything else below `/api/models/`. */
export function listingRoutes(listing: Listing, allow: Allow): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .post(
      "/api/models/refresh",
      allow("read"),
      jsonBody(refreshBody),
      async (c) => c.json(await listing.refresh()),
    )
    .get("/api/models/cache-info", allow("read"), async (c) => c.json(await listing.cacheInfo()))
    .post("/api/models/cache-config", allow("admin"), jsonBody(cacheConfigBody), async (c) => {
      return c.json(await listing.configureCache(c.req.valid("json")));
    });
}
