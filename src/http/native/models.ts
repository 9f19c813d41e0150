import { type Context, Hono } from "hono";
import type { z } from "zod";
import { LarderError, parseAlias } from "../../core/index.ts";
import type { LarderApi, PullRequest } from "../../library/index.ts";
import type { HttpEnv } from "../exchange.ts";
import type { Allow } from "../guard/route-guards.ts";
import { NoRouteError } from "../problem.ts";
import { type ModelTarget, parseModelTarget, rawPath } from "../target.ts";
import { jsonBody, queryOf } from "../validate.ts";
import { withoutUndefined } from "./without-undefined.ts";
import { aliasBody, fileNameOf, importBody, listQuery, modelQuery, pullBody } from "./schemas.ts";

type Models = Pick<
  LarderApi,
  "list" | "pull" | "describe" | "path" | "remove" | "setAlias" | "removeAlias" | "importPath"
>;

/** Names hold slashes, so what follows `/api/models/` is read from the address as it came, not by the router. */
export function modelRoutes(library: Models, allow: Allow): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .get("/api/models/library", allow("read"), queryOf(listQuery), async (c) => {
      return c.json(await library.list(withoutUndefined(c.req.valid("query"))));
    })
    .post("/api/models/download", allow("pull"), jsonBody(pullBody), async (c) => {
      return c.json(await library.pull(pullRequest(c.req.valid("json"))), 202);
    })
    .post("/api/models/import", allow("admin"), jsonBody(importBody), async (c) => {
      return c.json(await library.importPath(withoutUndefined(c.req.valid("json"))), 202);
    })
    .get("/api/models/*", allow("read"), queryOf(modelQuery), async (c) => {
      const target = targetOf(c, c.req.valid("query").version);
      if (target.kind === "alias") throw new NoRouteError(["PUT", "DELETE"]);
      const { kind, reference } = target;
      return c.json(kind === "path" ? await library.path(reference) : await library.describe(reference));
    })
    .put("/api/models/*", allow("admin"), jsonBody(aliasBody), async (c) => {
      const target = targetOf(c);
      if (target.kind !== "alias") throw new NoRouteError(["GET", "DELETE"]);
      const { version } = c.req.valid("json");
      return c.json(await library.setAlias(target.model, parseAlias(target.alias), version));
    })
    .delete("/api/models/*", allow("admin"), queryOf(modelQuery), async (c) => {
      const target = targetOf(c, c.req.valid("query").version);
      if (target.kind === "path") throw new NoRouteError(["GET"]);
      if (target.kind === "model") return c.json(await library.remove(target.reference));
      await library.removeAlias(target.model, parseAlias(target.alias));
      return c.body(null, 204);
    });
}

function targetOf(c: Context, version?: string): ModelTarget {
  return parseModelTarget(rawPath(c.req.raw.url), version);
}

/** `urls` beside `model` is short for one file that is named by its first address. */
function pullRequest({ files, urls, ...rest }: z.output<typeof pullBody>): PullRequest {
  const { sha256, size, digest_of, decompress, chunks, ...request } = rest;
  const options = { sha256, size, digest_of, decompress, chunks };
  if (urls === undefined) return withFiles(request, files, options);
  if (files !== undefined) throw badBody("urls", "Give either files or urls.");
  const [first = ""] = urls;
  return withoutUndefined({
    ...request,
    files: [withoutUndefined({ path: fileNameOf(first), urls, ...options })],
  });
}

function withFiles(
  request: Omit<z.output<typeof pullBody>, "files" | "urls">,
  files: z.output<typeof pullBody>["files"],
  options: Readonly<Record<string, unknown>>,
): PullRequest {
  const stray = Object.keys(options).find((key) => options[key] !== undefined);
  if (stray !== undefined) throw badBody(stray, "Give it inside files, or with urls beside model.");
  if (files !== undefined) return withoutUndefined({ ...request, files: files.map(withoutUndefined) });
  throw new LarderError("SOURCE_REQUIRED", "Cannot pull without a source", {
    field: "urls",
    hint: 'Give "urls": […], or "files": [{"path": …, "urls": […]}].',
  });
}

function badBody(field: string, hint: string): LarderError {
  return new LarderError("BAD_BODY", `Cannot use ${field} of the body as it is`, { field, hint });
}
