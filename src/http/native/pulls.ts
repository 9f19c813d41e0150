import { Hono } from "hono";
import type { LarderApi } from "../../library/index.ts";
import type { HttpEnv } from "../exchange.ts";
import type { Allow } from "../guard/route-guards.ts";
import { jsonBody, queryOf } from "../validate.ts";
import { limitsBody, pullsQuery } from "./schemas.ts";
import { answerWatch } from "./watch.ts";
import { withoutUndefined } from "./without-undefined.ts";

type Pulls = Pick<
  LarderApi,
  | "listPulls"
  | "getPull"
  | "watchPull"
  | "pausePull"
  | "resumePull"
  | "cancelPull"
  | "getLimits"
  | "setLimits"
>;

export function pullRoutes(library: Pulls, allow: Allow, stopped: AbortSignal): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .get("/api/pulls", allow("read"), queryOf(pullsQuery), async (c) => {
      return c.json({ pulls: await library.listPulls(withoutUndefined(c.req.valid("query"))) });
    })
    .get("/api/pulls/:id", allow("read"), async (c) => c.json(await library.getPull(c.req.param("id"))))
    .get("/api/pulls/:id/events", allow("read"), (c) => {
      const states = (signal: AbortSignal) => library.watchPull(c.req.param("id"), signal);
      return answerWatch(c, { name: "pull", states, stopped });
    })
    .post("/api/pulls/:id/pause", allow("pull"), async (c) => {
      return c.json(await library.pausePull(c.req.param("id")));
    })
    .post("/api/pulls/:id/resume", allow("pull"), async (c) => {
      return c.json(await library.resumePull(c.req.param("id")));
    })
    .delete("/api/pulls/:id", allow("pull"), async (c) => {
      return c.json(await library.cancelPull(c.req.param("id")));
    })
    .get("/api/limits", allow("read"), async (c) => c.json(await library.getLimits()))
    .put("/api/limits", allow("admin"), jsonBody(limitsBody), async (c) => {
      return c.json(await library.setLimits(withoutUndefined(c.req.valid("json"))));
    });
}
