import { Hono } from "hono";
import { routePath } from "hono/route";
import type { LarderApi } from "../../library/index.ts";
import type { Metrics } from "../../metrics/index.ts";
import type { HttpEnv } from "../exchange.ts";
import type { Allow } from "../guard/route-guards.ts";

/** Health is open to everybody who reaches the port: whoever restarts or balances servers has no token. */
export function healthRoutes(
  library: Pick<LarderApi, "health">,
  allow: Allow,
  metrics: Metrics,
): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .get("/health/live", (c) => {
      c.env.exchange.route = routePath(c);
      return c.json({ status: "ok" });
    })
    .get("/health/ready", async (c) => {
      c.env.exchange.route = routePath(c);
      const health = await library.health();
      return c.json(health, health.ready ? 200 : 503);
    })
    .get("/metrics", allow("read"), async () => {
      return new Response(await metrics.render(), { headers: { "content-type": metrics.contentType } });
    });
}
