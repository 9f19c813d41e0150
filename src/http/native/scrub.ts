import { Hono } from "hono";
import { z } from "zod";
import { DAY_HOURS_ALLOWED, parseDayHours } from "../../core/index.ts";
import type { ScrubApi } from "../../library/index.ts";
import type { HttpEnv } from "../exchange.ts";
import type { Allow } from "../guard/route-guards.ts";
import { jsonBody } from "../validate.ts";
import { withoutUndefined } from "./without-undefined.ts";

const RATE = "whole bytes per second, 0 to switch it off";

const scrubBody = z.strictObject({
  rate_bytes_per_s: z.int(RATE).nonnegative(RATE).optional(),
  hours: z.string(DAY_HOURS_ALLOWED).refine((text) => parseDayHours(text) !== undefined, DAY_HOURS_ALLOWED)
    .optional(),
  paused: z.boolean("true or false").optional(),
});

/** Verification over time. */
export function scrubRoutes(scrub: ScrubApi, allow: Allow): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .get("/api/scrub", allow("read"), async (c) => c.json(await scrub.report()))
    .put("/api/scrub", allow("admin"), jsonBody(scrubBody), async (c) => {
      return c.json(await scrub.configure(withoutUndefined(c.req.valid("json"))));
    })
    .post("/api/scrub/run", allow("admin"), async (c) => c.json(await scrub.run(), 202));
}
