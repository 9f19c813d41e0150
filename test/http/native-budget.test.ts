import { expect, test } from "bun:test";
import { BUDGET, DISK } from "./budget-stand-in.ts";
import { runningModels, withToken } from "./models-setup.ts";
import { post, problemOf } from "./setup.ts";

const put = (body: unknown) => ({ ...post(body), method: "PUT" });

test("GET /api/budget tells the limits, and /explain what they mean now", async () => {
  await using s = await runningModels();
  const limits = await s.admin("/api/budget");
  expect([limits.status, await limits.json()]).toEqual([200, BUDGET]);
  const explained = await s.admin("/api/budget/explain");
  expect([explained.status, await explained.json()]).toEqual([200, DISK]);
  expect(s.library.calls).toEqual([["budget.getSettings"], ["budget.explain"]]);
});

test.each<[object, object]>([
  [{ bytes_max: "80%" }, { bytes_max: "80%" }],
  [{ bytes_max: " 12.5 %", free_min: 1024 }, { bytes_max: "12.5%", free_min: 1024 }],
  [{ policy: "cost" }, { policy: "cost" }],
  [{}, {}],
])("PUT /api/budget %j", async (body, changes) => {
  await using s = await runningModels();
  const response = await s.admin("/api/budget", put(body));
  expect([response.status, await response.json()]).toEqual([200, { ...BUDGET, ...changes }]);
  expect(s.library.calls).toEqual([["budget.setSettings", changes]]);
});

test.each<[unknown, string]>([
  [{ bytes_max: "120%" }, "bytes_max"],
  [{ bytes_max: "10 apples" }, "bytes_max"],
  [{ bytes_max: -1 }, "bytes_max"],
  [{ free_min: 1.5 }, "free_min"],
  [{ policy: "newest" }, "policy"],
  [{ max: 5 }, "max"],
])("PUT /api/budget refuses %j", async (body, field) => {
  await using s = await runningModels();
  const response = await s.admin("/api/budget", put(body));
  expect([response.status, (await problemOf(response)).field]).toEqual([400, field]);
  expect(s.library.calls).toEqual([]);
});

test("A01: whoever may read sees the budget, administrators change it", async () => {
  await using s = await runningModels();
  s.library.open = false;
  const status = async (target: string, init: RequestInit, token: string) =>
    (await s.fetch(target, withToken(init, token))).status;
  for (const target of ["/api/budget", "/api/budget/explain"]) {
    expect((await s.fetch(target)).status).toBe(401);
    expect([await status(target, {}, "reader"), await status(target, {}, "user")]).toEqual([200, 403]);
  }
  const change = put({ policy: "cost" });
  expect([await status("/api/budget", change, "reader"), await status("/api/budget", change, "root")])
    .toEqual([
      ...[403, 200],
    ]);
});
