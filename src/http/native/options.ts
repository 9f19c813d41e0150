import { Hono } from "hono";
import type { ModelOptionsApi } from "../../library/index.ts";
import type { HttpEnv } from "../exchange.ts";
import type { Allow } from "../guard/route-guards.ts";
import { jsonBody, queryOf } from "../validate.ts";
import { targetBefore } from "./cache.ts";
import { versionQuery } from "./cache-body.ts";
import { optionsBody, optionsQuery, removeOptionsQuery, tuneBody } from "./options-body.ts";
import { withoutUndefined } from "./without-undefined.ts";

const OPTIONS = "/options";
const TUNE = "/tune";

/** What users want of each model. These too stand before the routes that take everything else below `/api/models/`. */
export function optionRoutes(options: ModelOptionsApi, allow: Allow): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .get("/api/models/:model{.+}/options", allow("read"), queryOf(optionsQuery), async (c) => {
      return c.json(await options.find(targetBefore(c, OPTIONS, c.req.valid("query"))));
    })
    .put(
      "/api/models/:model{.+}/options",
      allow("admin"),
      queryOf(optionsQuery),
      jsonBody(optionsBody),
      async (c) => {
        const { options: changes, ...how } = c.req.valid("json");
        const target = targetBefore(c, OPTIONS, c.req.valid("query"));
        return c.json(await options.set(target, changes, withoutUndefined(how)));
      },
    )
    .post(
      "/api/models/:model{.+}/tune",
      allow("admin"),
      queryOf(versionQuery),
      jsonBody(tuneBody),
      async (c) => {
        const { variant, ...how } = c.req.valid("json");
        const target = targetBefore(c, TUNE, { ...c.req.valid("query"), variant });
        return c.json(await options.tune({ ...target, ...withoutUndefined(how) }), 202);
      },
    )
    .delete("/api/models/:model{.+}/options", allow("admin"), queryOf(removeOptionsQuery), async (c) => {
      const { apply, ...beside } = c.req.valid("query");
      return c.json(await options.remove(targetBefore(c, OPTIONS, beside), withoutUndefined({ apply })));
    });
}
