import { describe, expect, test } from "bun:test";
import { CLEARING, UNUSED, USAGE, USE } from "./catalog-stand-in.ts";
import { runningModels, withToken } from "./models-setup.ts";
import { post, problemOf } from "./setup.ts";

describe("questions about all that is here", () => {
  test.each<[string, unknown[], unknown]>([
    ["cached", ["cached", {}], { variants: [USE] }],
    ["cached?where=memory&limit=5", ["cached", { where: "memory", limit: 5 }], { variants: [USE] }],
    ["oldest", ["oldest", undefined], { variants: [UNUSED, USE] }],
    ["oldest?limit=50", ["oldest", 50], { variants: [UNUSED, USE] }],
    ["least-used?limit=5000", ["leastUsed", 1000], { variants: [UNUSED, USE] }],
    ["usage", ["usage"], USAGE],
    ["use?model=acme/tiny@1:q4", ["use", "acme/tiny@1:q4"], { model: "acme/tiny@1:q4", variants: [USE] }],
  ])("GET /api/registry/%s", async (target, call, answer) => {
    await using s = await runningModels();
    const response = await s.fetch(`/api/registry/${target}`);
    expect([response.status, await response.json()]).toEqual([200, answer] as never);
    expect(s.library.catalog.calls).toEqual([call] as never);
  });

  test.each([
    ["cached?where=network", "where"],
    ["oldest?limit=none", "limit"],
    ["least-used?limit=0", "limit"],
    ["oldest?order=asc", "order"],
    ["use", "model"],
    [`use?model=${"x".repeat(501)}`, "model"],
  ])("GET /api/registry/%s is refused", async (target, field) => {
    await using s = await runningModels();
    const response = await s.fetch(`/api/registry/${target}`);
    expect([response.status, (await problemOf(response)).field]).toEqual([400, field]);
    expect(s.library.catalog.calls).toEqual([]);
  });

  test("POST /api/registry/clear starts a job, and hands on whether it was confirmed", async () => {
    await using s = await runningModels();
    const response = await s.admin("/api/registry/clear", post({ confirm: true }));
    expect([response.status, await response.json()]).toEqual([202, CLEARING] as never);
    expect(s.library.catalog.calls).toEqual([["clear", { confirm: true }]]);
    const bare = await s.admin("/api/registry/clear", post({}));
    expect([bare.status, (await problemOf(bare)).field]).toEqual([400, "confirm"]);
  });

  test("A01: a reader may ask, and only an administrator may clear", async () => {
    await using s = await runningModels();
    const as = (token: string, target: string, init: RequestInit = {}) =>
      s.fetch(target, withToken(init, token));
    expect((await as("reader", "/api/registry/usage")).status).toBe(200);
    expect((await as("user", "/api/registry/usage")).status).toBe(403);
    expect((await as("reader", "/api/registry/clear", post({ confirm: true }))).status).toBe(403);
    expect((await s.fetch("/api/registry/clear", post({ confirm: true }))).status).toBe(401);
    expect(s.library.catalog.calls).toEqual([["usage"]]);
  });
});
