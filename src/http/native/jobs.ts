import { Hono } from "hono";
import type { LarderApi } from "../../library/index.ts";
import type { HttpEnv } from "../exchange.ts";
import type { Allow } from "../guard/route-guards.ts";
import { jsonBody } from "../validate.ts";
import { gcBody, upkeepBody } from "./schemas.ts";
import { answerWatch } from "./watch.ts";
import { withoutUndefined } from "./without-undefined.ts";

type Jobs = Pick<
  LarderApi,
  "verify" | "repair" | "gc" | "listJobs" | "getJob" | "watchJob" | "cancelJob"
>;

/** Upkeep takes long: it is answered at once with a job to look after. */
export function jobRoutes(library: Jobs, allow: Allow, stopped: AbortSignal): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .post("/api/verify", allow("admin"), jsonBody(upkeepBody), async (c) => {
      return c.json(await library.verify(withoutUndefined(c.req.valid("json"))), 202);
    })
    .post("/api/repair", allow("admin"), jsonBody(upkeepBody), async (c) => {
      return c.json(await library.repair(withoutUndefined(c.req.valid("json"))), 202);
    })
    .post("/api/gc", allow("admin"), jsonBody(gcBody), async (c) => {
      return c.json(await library.gc(withoutUndefined(c.req.valid("json"))), 202);
    })
    .get("/api/jobs", allow("read"), async (c) => c.json({ jobs: await library.listJobs() }))
    .get("/api/jobs/:id", allow("read"), async (c) => c.json(await library.getJob(c.req.param("id"))))
    .get("/api/jobs/:id/events", allow("read"), (c) => {
      const states = (signal: AbortSignal) => library.watchJob(c.req.param("id"), signal);
      return answerWatch(c, { name: "job", states, stopped });
    })
    .delete("/api/jobs/:id", allow("admin"), async (c) => {
      return c.json(await library.cancelJob(c.req.param("id")));
    });
}
