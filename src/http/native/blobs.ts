import { Hono } from "hono";
import type { HubServing } from "../../library/index.ts";
import { blobChunks } from "../blob-chunks.ts";
import type { HttpEnv } from "../exchange.ts";
import type { Allow } from "../guard/route-guards.ts";

export function blobRoutes(serving: Pick<HubServing, "chunkDigests">, allow: Allow): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .get(
      "/api/blobs/:sha256/chunks",
      allow("read"),
      (c) => c.json(blobChunks(serving, c.req.param("sha256"))),
    );
}
