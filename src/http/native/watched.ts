import { Hono } from "hono";
import type { Watched } from "../../library/index.ts";
import type { HttpEnv } from "../exchange.ts";
import type { Allow } from "../guard/route-guards.ts";

/** Folders that a user fills. A look reads whole folders, so it is not for everybody to ask for. */
export function watchedRoutes(watched: Watched, allow: Allow): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .get("/api/watched", allow("read"), async (c) => c.json(await watched.list()))
    .post("/api/watched/scan", allow("admin"), async (c) => c.json(await watched.scan()));
}
