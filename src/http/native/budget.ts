import { Hono } from "hono";
import { z } from "zod";
import { parsePercentage, type Share } from "../../core/index.ts";
import type { LarderApi } from "../../library/index.ts";
import type { HttpEnv } from "../exchange.ts";
import type { Allow } from "../guard/route-guards.ts";
import { jsonBody } from "../validate.ts";
import { withoutUndefined } from "./without-undefined.ts";

const POLICIES = ["oldest", "least_used", "largest", "cost"] as const;
const SHARE_ALLOWED = 'whole bytes of at least 0, or a percentage such as "80%"';

const share = z.union([z.int().nonnegative(), z.string()], SHARE_ALLOWED).transform(
  (given, context): Share => {
    const value = typeof given === "number" ? given : parsePercentage(given);
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: SHARE_ALLOWED });
    return z.NEVER;
  },
);

const budgetBody = z.strictObject({
  bytes_max: share.optional(),
  free_min: share.optional(),
  policy: z.enum(POLICIES, `one of ${POLICIES.join(", ")}`).optional(),
});

/** What models may take of the disk, and who leaves it for others. */
export function budgetRoutes({ budget }: Pick<LarderApi, "budget">, allow: Allow): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .get("/api/budget", allow("read"), async (c) => c.json(await budget.getSettings()))
    .get("/api/budget/explain", allow("read"), async (c) => c.json(await budget.explain()))
    .put("/api/budget", allow("admin"), jsonBody(budgetBody), async (c) => {
      return c.json(await budget.setSettings(withoutUndefined(c.req.valid("json"))));
    });
}
