import { expect, test } from "bun:test";
import { startHttp } from "../../src/http/index.ts";
import { RESULTS, StandInPreload, STATS, VIEW } from "./preload-stand-in.ts";
import { CONFIG, problemOf } from "./setup.ts";
import { StandInLibrary } from "./stand-in.ts";

async function serving() {
  const [library, preload] = [new StandInLibrary(), new StandInPreload()];
  library.tokens.set("reader", ["read"]).set("user", ["read", "infer"]).set("admin", [
    "read",
    "infer",
    "admin",
  ]);
  library.open = false;
  const server = await startHttp({ library, preload, config: CONFIG });
  return {
    preload,
    ask: (method: string, path: string, body?: unknown, token = "admin") =>
      fetch(new URL(path, server.url), {
        method,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

test.each<[string, string, unknown, unknown, unknown[][]]>([
  ["GET", "/api/preload", undefined, VIEW, []],
  ["GET", "/api/preload/stats", undefined, STATS, []],
  ["POST", "/api/preload", { model: "iris" }, { added: ["iris"] }, [["add", [{ model: "iris" }]]]],
  [
    "POST",
    "/api/preload",
    { model: "iris@stable", variant: "q4", priority: -3 },
    { added: ["iris"] },
    [["add", [{ model: "iris", version: "stable", variant: "q4", priority: -3 }]]],
  ],
  [
    "POST",
    "/api/preload",
    { models: [{ model: "iris" }, { model: "acme/tiny:q4" }] },
    { added: ["iris", "acme/tiny"] },
    [["add", [{ model: "iris" }, { model: "acme/tiny", variant: "q4" }]]],
  ],
  ["DELETE", "/api/preload", undefined, { removed: 1 }, [["remove", undefined]]],
  ["DELETE", "/api/preload?model=acme/tiny&variant=q4", undefined, { removed: 1 }, [[
    "remove",
    "acme/tiny:q4",
  ]]],
  [
    "PUT",
    "/api/preload/config",
    { strategy: "pattern", delay_ms: 0 },
    { enabled: true, strategy: "pattern", batch_size: 2, delay_ms: 0 },
    [["configure", { strategy: "pattern", delay_ms: 0 }]],
  ],
  ["POST", "/api/preload/process", undefined, { results: RESULTS }, [["process"]]],
])("%s %s with %j", async (method, path, body, answer, calls) => {
  await using s = await serving();
  const response = await s.ask(method, path, body);
  expect([response.status, await response.json()]).toEqual([200, answer]);
  expect(s.preload.calls).toEqual(calls);
});

test.each<[string, string, unknown, string]>([
  ["POST", "/api/preload", {}, "model"],
  ["POST", "/api/preload", { model: "a", models: [{ model: "b" }] }, "model"],
  ["POST", "/api/preload", { models: [{ model: "b" }], priority: 1 }, "models"],
  ["POST", "/api/preload", { models: [{ model: "b", priority: 0.5 }] }, "models[0].priority"],
  ["POST", "/api/preload", { model: "iris", priority: 1.5 }, "priority"],
  ["POST", "/api/preload", { models: [] }, "models"],
  ["POST", "/api/preload", { model: "../x" }, "model"],
  ["DELETE", "/api/preload?variant=q4", undefined, "variant"],
  ["PUT", "/api/preload/config", { strategy: "best" }, "strategy"],
  ["PUT", "/api/preload/config", { batch_size: 0 }, "batch_size"],
  ["PUT", "/api/preload/config", { delay_ms: -1 }, "delay_ms"],
  ["PUT", "/api/preload/config", { other: 1 }, "other"],
])("%s %s with %j is refused", async (method, path, body, field) => {
  await using s = await serving();
  const response = await s.ask(method, path, body);
  expect([response.status, s.preload.calls]).toEqual([400, []]);
  expect((await problemOf(response)).field).toBe(field);
});

test("readers look, users ask, administrators decide", async () => {
  await using s = await serving();
  const status = async (...[method, path, body, token]: Parameters<typeof s.ask>) =>
    (await s.ask(method, path, body, token)).status;
  expect(await status("GET", "/api/preload", undefined, "reader")).toBe(200);
  expect(await status("POST", "/api/preload", { model: "iris" }, "reader")).toBe(403);
  expect(await status("POST", "/api/preload", { model: "iris" }, "user")).toBe(200);
  expect(await status("DELETE", "/api/preload", undefined, "user")).toBe(403);
  expect(await status("PUT", "/api/preload/config", {}, "user")).toBe(403);
  expect(await status("POST", "/api/preload/process", undefined, "user")).toBe(403);
  expect(s.preload.calls.map(([name]) => name)).toEqual(["add"]);
});
