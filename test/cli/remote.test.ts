import { expect, test } from "bun:test";
import { join } from "node:path";
import { connectOwner } from "../../src/cli/index.ts";
import type { LarderApi } from "../../src/library/index.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { DONE, PULL, VERIFIED } from "./views.ts";

interface Seen {
  readonly line: string;
  readonly body: unknown;
}

/** An owner that notes what it is asked and answers what the test says. */
async function startOwner(answer: (line: string) => Response | Promise<Response>) {
  const folder = await tempFolder();
  const socket = join(folder.path, "larder.sock");
  const seen: Seen[] = [];
  const server = Bun.serve({
    unix: socket,
    async fetch(request) {
      const url = new URL(request.url);
      const line = `${request.method} ${request.url.slice(url.origin.length)}`;
      if (line === "GET /health/live") return Response.json({ live: true });
      const text = await request.text();
      seen.push({ line, body: text === "" ? undefined : JSON.parse(text) });
      return await answer(line);
    },
  });
  const api = await connectOwner(socket);
  if (api === undefined) throw new Error("the owner does not answer");
  return {
    api,
    seen,
    async [Symbol.asyncDispose]() {
      await server.stop(true);
      await folder[Symbol.asyncDispose]();
    },
  };
}

const ROUTES: ReadonlyArray<
  readonly [line: string, ask: (api: LarderApi) => Promise<unknown>, body?: unknown]
> = [
  ["POST /api/models/download", (api) => api.pull({ model: "a", files: [] }), { model: "a", files: [] }],
  ["GET /api/pulls?limit=5&active=true", (api) => api.listPulls({ limit: 5, active: true })],
  ["GET /api/pulls", (api) => api.listPulls()],
  ["GET /api/pulls/p1", (api) => api.getPull("p1")],
  ["GET /api/pulls/..%2Fx", (api) => api.getPull("../x")],
  ["POST /api/pulls/p1/pause", (api) => api.pausePull("p1")],
  ["POST /api/pulls/p1/resume", (api) => api.resumePull("p1")],
  ["DELETE /api/pulls/p1", (api) => api.cancelPull("p1")],
  ["GET /api/limits", (api) => api.getLimits()],
  ["PUT /api/limits", (api) => api.setLimits({ pulls_at_once: 2 }), { pulls_at_once: 2 }],
  ["GET /api/models/library?q=a+b%26&limit=10", (api) => api.list({ q: "a b&", limit: 10 })],
  [
    "GET /api/models/library?status=failed&quick=true",
    (api) => api.listing.list({ status: "failed", quick: true }),
  ],
  ["POST /api/models/refresh", (api) => api.listing.refresh()],
  ["GET /api/models/cache-info", (api) => api.listing.cacheInfo()],
  ["POST /api/models/cache-config", (api) => api.listing.configureCache({ ttl_seconds: 600 }), {
    ttl_seconds: 600,
  }],
  ["GET /api/models/acme/tiny%40stable%3AQ4", (api) => api.describe("acme/tiny@stable:Q4")],
  ["DELETE /api/models/acme/tiny%401.0.0", (api) => api.remove("acme/tiny@1.0.0")],
  ["GET /api/models/acme/tiny/path", (api) => api.path("acme/tiny")],
  ["GET /api/models/acme/tiny%40v1/path?layout=hf", (api) => api.path("acme/tiny@v1", { layout: "hf" })],
  [
    "POST /api/models/download",
    (api) => api.pull({ model: "a", variant: "q4", fallback: ["q2"], offline: true }),
    {
      model: "a",
      variant: "q4",
      fallback: ["q2"],
      offline: true,
    },
  ],
  ["POST /api/models/download", (api) => api.pull({ model: "a", patterns: ["*.json"] }), {
    model: "a",
    files: ["*.json"],
  }],
  ["POST /api/models/scan", (api) => api.scan({ model: "a", revision: "refs/pr/1" }), {
    model: "a",
    revision: "refs/pr/1",
  }],
  ["POST /api/models/import-hub-cache", (api) => api.importHubCache({ path: "/c", models: ["a/b"] }), {
    path: "/c",
    models: ["a/b"],
  }],
  ["GET /api/hub/token", (api) => api.hubToken()],
  ["PUT /api/hub/token", (api) => api.setHubToken("hf_x"), { token: "hf_x" }],
  ["DELETE /api/hub/token", (api) => api.setHubToken(null)],
  ["PUT /api/models/acme/tiny/aliases/prod", (api) => api.setAlias("acme/tiny", "prod", "1"), {
    version: "1",
  }],
  ["PUT /api/models/acme/tiny/aliases/best", (api) => api.setBestMetric("acme/tiny", { metric: "f1" }), {
    metric: "f1",
  }],
  ["DELETE /api/models/acme/tiny/aliases/prod", (api) => api.removeAlias("acme/tiny", "prod")],
  ["POST /api/models/import", (api) => api.importPath({ path: "/x", model: "a" }), {
    path: "/x",
    model: "a",
  }],
  ["POST /api/verify", (api) => api.verify({ targets: ["a"] }), { targets: ["a"] }],
  ["POST /api/repair", (api) => api.repair({}), {}],
  ["POST /api/gc", (api) => api.gc({ dry_run: true, grace_s: 1 }), { dry_run: true, grace_s: 1 }],
  ["GET /api/jobs", (api) => api.listJobs()],
  ["GET /api/jobs/j1", (api) => api.getJob("j1")],
  ["DELETE /api/jobs/j1", (api) => api.cancelJob("j1")],
  ["POST /api/tokens", (api) => api.createToken({ name: "x", scopes: ["read"] }), {
    name: "x",
    scopes: ["read"],
  }],
  ["GET /api/tokens", (api) => api.listTokens()],
  ["DELETE /api/tokens/t1", (api) => api.removeToken("t1")],
  ["GET /health/ready", (api) => api.health()],
  [
    "GET /api/registry/cached?where=memory&limit=5",
    ({ catalog }) => catalog.cached({ where: "memory", limit: 5 }),
  ],
  ["GET /api/registry/cached", ({ catalog }) => catalog.cached()],
  ["GET /api/registry/oldest?limit=3", ({ catalog }) => catalog.oldest(3)],
  ["GET /api/registry/least-used", ({ catalog }) => catalog.leastUsed()],
  ["GET /api/registry/usage", ({ catalog }) => catalog.usage()],
  [
    "GET /api/registry/use?model=acme%2Ftiny%40stable%3AQ4",
    ({ catalog }) => catalog.use("acme/tiny@stable:Q4"),
  ],
  ["POST /api/registry/clear", ({ catalog }) => catalog.clear({ confirm: true }), { confirm: true }],
];

test.each(ROUTES.map(([line, ask, body]) => ({ line, ask, body })))(
  "the owner is asked: $line",
  async ({ line, ask, body }) => {
    await using owner = await startOwner(() => Response.json({ pulls: [], jobs: [], tokens: [] }));
    await ask(owner.api);
    expect(owner.seen).toEqual([{ line, body }]);
  },
);

test("a pull is watched line by line, whatever way the lines are cut", async () => {
  const text = `${JSON.stringify({ ...PULL, model: "模型" })}\n\n${JSON.stringify(DONE)}\n`;
  const bytes = new TextEncoder().encode(text);
  await using owner = await startOwner(() =>
    new Response(
      new ReadableStream({
        start(controller) {
          for (let at = 0; at < bytes.length; at += 7) controller.enqueue(bytes.subarray(at, at + 7));
          controller.close();
        },
      }),
    )
  );
  const views = await Array.fromAsync(owner.api.watchPull("p1"));
  expect(owner.seen[0]?.line).toBe("GET /api/pulls/p1/events");
  expect(views.map(({ model, state }) => [model, state])).toEqual([["模型", "running"], ["iris", "done"]]);
});

test("watching ends when its signal aborts", async () => {
  await using owner = await startOwner(() =>
    new Response(
      new ReadableStream({ start: (controller) => controller.enqueue(`${JSON.stringify(VERIFIED)}\n`) }),
    )
  );
  const stop = new AbortController();
  const watch = async () => {
    for await (const view of owner.api.watchJob("j1", stop.signal)) {
      if (view.id === "j1") stop.abort("SIGINT");
    }
  };
  expect(watch()).rejects.toBe("SIGINT");
});

test("a problem comes back as the error that the owner threw", async () => {
  const problem = {
    type: "about:blank",
    title: "x",
    status: 507,
    detail: "Cannot store 5 bytes",
    code: "NO_SPACE",
    retryable: true,
    hint: "Free space.",
    field: "size",
    retry_after_s: 3,
    details: { needed: 5 },
    request_id: "r",
  };
  await using owner = await startOwner(() => Response.json(problem, { status: 507 }));
  expect(owner.api.getPull("p1")).rejects.toMatchObject({
    name: "LarderError",
    code: "NO_SPACE",
    message: "Cannot store 5 bytes",
    retryable: true,
    hint: "Free space.",
    field: "size",
    retryAfterS: 3,
    details: { needed: 5 },
  });
});

test("an answer that is no problem is a bug and not an error to act on", async () => {
  await using owner = await startOwner(() => new Response("<html>", { status: 502 }));
  expect(owner.api.getPull("p1")).rejects.toMatchObject({ name: "Error" });
});

test("an owner that is stopping meanwhile is named", async () => {
  const owner = await startOwner(() => Response.json({}));
  await owner[Symbol.asyncDispose]();
  expect(owner.api.listTokens()).rejects.toMatchObject({ code: "SHUTTING_DOWN", retryable: true });
});

test("P10: a socket that a killed owner left is no owner", async () => {
  await using folder = await tempFolder();
  const socket = join(folder.path, "larder.sock");
  const code = `Bun.serve({ unix: ${
    JSON.stringify(socket)
  }, fetch: () => new Response() }); console.log("up");`;
  const child = Bun.spawn([process.execPath, "-e", code], { stdout: "pipe" });
  await child.stdout.getReader().read();
  expect(await connectOwner(socket)).toBeDefined();
  child.kill("SIGKILL");
  await child.exited;
  expect(await Bun.file(socket).stat().then((stat) => stat.isSocket())).toBe(true);
  expect(await connectOwner(socket)).toBeUndefined();
});

test("no socket is no owner", async () => {
  await using folder = await tempFolder();
  expect(await connectOwner(join(folder.path, "larder.sock"))).toBeUndefined();
  expect(await connectOwner(join(folder.path, "x".repeat(200)))).toBeUndefined();
});
