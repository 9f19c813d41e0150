import { Hono } from "hono";
import type { LarderApi } from "../../library/index.ts";
import type { HttpEnv } from "../exchange.ts";
import type { Allow } from "../guard/route-guards.ts";
import { jsonBody } from "../validate.ts";
import { hubTokenBody, tokenBody } from "./schemas.ts";
import { withoutUndefined } from "./without-undefined.ts";

type Tokens = Pick<LarderApi, "createToken" | "listTokens" | "removeToken" | "hubToken" | "setHubToken">;

/** Tokens that clients show us, and the one that we show the hub, which no answer holds. */
export function tokenRoutes(library: Tokens, allow: Allow): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .get("/api/tokens", allow("admin"), async (c) => c.json({ tokens: await library.listTokens() }))
    .post("/api/tokens", allow("admin"), jsonBody(tokenBody), async (c) => {
      c.header("cache-control", "no-store");
      return c.json(await library.createToken(withoutUndefined(c.req.valid("json"))), 201);
    })
    .delete("/api/tokens/:id", allow("admin"), async (c) => {
      await library.removeToken(c.req.param("id"));
      return c.body(null, 204);
    })
    .get("/api/hub/token", allow("admin"), async (c) => c.json(await library.hubToken()))
    .put("/api/hub/token", allow("admin"), jsonBody(hubTokenBody), async (c) => {
      return c.json(await library.setHubToken(c.req.valid("json").token));
    })
    .delete("/api/hub/token", allow("admin"), async (c) => c.json(await library.setHubToken(null)));
}
