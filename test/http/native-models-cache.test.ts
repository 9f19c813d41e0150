import { describe, expect, test } from "bun:test";
import { DISK } from "./budget-stand-in.ts";
import { runningModels, withToken } from "./models-setup.ts";
import { BY, METADATA, SETTINGS, STATS } from "./models-stand-in.ts";
import { post, problemOf } from "./setup.ts";

const ROWS = [[5.1, 3.5, 1.4, 0.2]];

describe("models in memory", () => {
  const OVERVIEW = {
    policy: "lru",
    cache_size: 1,
    count_max: 3,
    bytes: 2048,
    bytes_max: 1_048_576,
    waiting: 2,
    pins: STATS.pins,
    models: STATS.cached_models,
    loading: STATS.loading_models,
    leaving: [],
    failed: STATS.failed_models,
  };
  const EXPLANATION = {
    policy: "lru",
    estimated_bytes: 0,
    outcome: "fits",
    victims: [],
    order: [],
    kept: [],
    disk: DISK,
  };

  test.each<[string, string, unknown, unknown[], unknown]>([
    ["GET", "/api/cache", undefined, ["cacheStats"], OVERVIEW],
    ["GET", "/api/cache/stats", undefined, ["cacheStats"], STATS],
    ["GET", "/api/cache/models?model=acme/tiny", undefined, ["loadable", "acme/tiny"], { models: [] }],
    ["GET", "/api/cache/models", undefined, ["loadable"], { models: [] }],
    ["GET", "/api/cache/explain", undefined, ["explain"], EXPLANATION],
    ["GET", "/api/cache/explain?model=acme/tiny&version=1&variant=q4", undefined, ["explain", {
      model: "acme/tiny",
      version: "1",
      variant: "q4",
    }], EXPLANATION],
    ["POST", "/api/cache/load", { model: "iris", version: "stable", deadline_ms: 100 }, ["load", {
      model: "iris",
      version: "stable",
    }, { deadlineMs: 100 }], BY],
    ["POST", "/api/cache/evict", { model: "iris" }, ["unload", { model: "iris" }], {
      model: "iris",
      evicted: true,
    }],
    ["PUT", "/api/models/acme/tiny/pin", { pinned: true }, ["setPinned", { model: "acme/tiny" }, true], {
      ...BY,
      pinned: true,
    }],
    ["PUT", "/api/models/acme%2Ftiny@1:q4/pin", { pinned: false }, [
      "setPinned",
      { model: "acme/tiny", version: "1", variant: "q4" },
      false,
    ], { ...BY, pinned: false }],
    ["GET", "/api/models/acme/tiny/metadata?version=1", undefined, ["metadata", {
      model: "acme/tiny",
      version: "1",
    }], METADATA],
    ["POST", "/api/v1/models/reload", {}, ["reload", {}], { reloaded: [], failed: [] }],
    ["POST", "/api/v1/models/reload", { model: "iris", version: "2", probe: ROWS }, ["reload", {
      model: "iris",
      version: "2",
      probe: ROWS,
    }], { reloaded: [], failed: [] }],
  ])("%s %s", async (method, target, body, call, answer) => {
    await using s = await runningModels();
    const response = await s.admin(target, body === undefined ? { method } : { ...post(body), method });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(answer);
    expect(s.models.calls).toEqual([call] as never);
  });

  test("PUT /api/cache/config changes what is given and answers what is in force", async () => {
    await using s = await runningModels();
    const changes = {
      policy: "arc",
      count_max: 5,
      keep_alive_s: null,
      failure_backoff: { base_ms: 1, max_ms: 2 },
    };
    const response = await s.admin("/api/cache/config", { ...post(changes), method: "PUT" });
    expect(s.models.calls).toEqual([["configureCache", {
      policy: "arc",
      countMax: 5,
      keepAliveS: null,
      failureBackoff: { baseMs: 1, maxMs: 2 },
    }]]);
    const { ttlS: ttl_s, deadlineMs: deadline_ms } = SETTINGS;
    expect(await response.json()).toMatchObject({
      ...changes,
      ttl_s,
      deadline_ms,
      waiters_max: 1024,
      crash_limit: 3,
    });
  });

  test.each<[object, string]>([
    [{ policy: "random" }, "policy"],
    [{ count_max: 0 }, "count_max"],
    [{ countMax: 3 }, "countMax"],
    [{ failure_backoff: { base_ms: 1 } }, "failure_backoff.max_ms"],
  ])("PUT /api/cache/config refuses %j", async (body, field) => {
    await using s = await runningModels();
    const response = await s.admin("/api/cache/config", { ...post(body), method: "PUT" });
    expect([response.status, (await problemOf(response)).field]).toEqual([400, field]);
    expect(s.models.calls).toEqual([]);
  });

  test("C11: a failed reload of the named model is an error that says so; of all, it is listed", async () => {
    await using s = await runningModels();
    const error = { code: "RELOAD_FAILED", message: "Cannot reload iris", retryable: false } as const;
    const failed = [{ model: "iris", version: "3", variant: "default", error }];
    s.models.reloaded = { reloaded: [], failed };
    const one = await s.admin("/api/v1/models/reload", post({ model: "iris" }));
    expect(one.status).toBe(500);
    expect(await one.json()).toMatchObject({ code: "RELOAD_FAILED", details: { failed } });
    const all = await s.admin("/api/v1/models/reload", post({}));
    expect([all.status, await all.json()]).toEqual([200, { reloaded: [], failed }] as never);
  });

  test("a reload of all takes no version", async () => {
    await using s = await runningModels();
    const response = await s.admin("/api/v1/models/reload", post({ version: "2" }));
    expect([response.status, (await problemOf(response)).field]).toEqual([400, "version"]);
  });

  test("other routes below a model are as they were", async () => {
    await using s = await runningModels();
    expect((await s.fetch("/api/models/acme/tiny")).status).toBe(200);
    expect(s.library.calls).toEqual([["describe", "acme/tiny"]]);
    expect((await s.admin("/api/models/iris/pin", { method: "DELETE" })).status).toBe(400);
  });
});

describe("A01: who may", () => {
  const INFER = { model: "iris", inputs: ROWS };
  test.each<[string, string, unknown, "read" | "infer" | "admin"]>([
    ["POST", "/api/v1/predict", INFER, "infer"],
    ["POST", "/api/v1/batch_predict", { model: "iris", inputs: ROWS }, "infer"],
    ["POST", "/api/cache/load", { model: "iris" }, "infer"],
    ["GET", "/api/cache", undefined, "read"],
    ["GET", "/api/cache/stats", undefined, "read"],
    ["GET", "/api/cache/models", undefined, "read"],
    ["GET", "/api/cache/explain", undefined, "read"],
    ["GET", "/api/models/iris/metadata", undefined, "read"],
    ["PUT", "/api/cache/config", {}, "admin"],
    ["POST", "/api/cache/evict", { model: "iris" }, "admin"],
    ["PUT", "/api/models/iris/pin", { pinned: true }, "admin"],
    ["POST", "/api/v1/models/reload", {}, "admin"],
  ])("%s %s", async (method, target, body, scope) => {
    await using s = await runningModels();
    s.library.open = false;
    const init = body === undefined ? { method } : { ...post(body), method };
    const status = async (token: string) => (await s.fetch(target, withToken(init, token))).status;
    expect((await s.fetch(target, init)).status).toBe(401);
    expect(s.models.calls).toEqual([]);
    expect([await status("reader"), await status("user"), await status("root")]).toEqual([
      scope === "read" ? 200 : 403,
      scope === "infer" ? 200 : 403,
      200,
    ]);
    expect(s.models.calls.length).toBe(scope === "admin" ? 1 : 2);
  });

  test("until there is a token, everybody on this machine may infer, but not administrate", async () => {
    await using s = await runningModels();
    expect((await s.fetch("/api/v1/predict", post(INFER))).status).toBe(200);
    expect((await s.fetch("/api/cache/load", post({ model: "iris" }))).status).toBe(200);
    expect((await s.fetch("/api/cache/evict", post({ model: "iris" }))).status).toBe(401);
  });

  test("only POST predicts", async () => {
    await using s = await runningModels();
    const response = await s.fetch("/api/v1/predict");
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
  });
});
