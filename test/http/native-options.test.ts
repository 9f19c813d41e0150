import { expect, test } from "bun:test";
import { runningModels, withToken } from "./models-setup.ts";
import { CHANGED, OPTIONS, TUNE_JOB } from "./options-stand-in.ts";
import { post, problemOf } from "./setup.ts";

const CHANGES = { options: { threads: 2, spin: true, keep_alive_s: null } };

test.each<[string, string, unknown, unknown[], object]>([
  ["GET", "/api/models/iris/options", undefined, ["find", { model: "iris" }], OPTIONS],
  ["GET", "/api/models/acme%2Ftiny/options?variant=q4", undefined, ["find", {
    model: "acme/tiny",
    variant: "q4",
  }], OPTIONS],
  ["PUT", "/api/models/acme/tiny:q4/options", CHANGES, [
    "set",
    { model: "acme/tiny", variant: "q4" },
    CHANGES.options,
    {},
  ], CHANGED],
  ["PUT", "/api/models/iris/options", { ...CHANGES, apply: false }, [
    "set",
    { model: "iris" },
    CHANGES.options,
    { apply: false },
  ], CHANGED],
  ["DELETE", "/api/models/iris/options?apply=false", undefined, [
    "remove",
    { model: "iris" },
    { apply: false },
  ], CHANGED],
])("%s %s", async (method, target, body, [name, ...asked], answer) => {
  await using s = await runningModels();
  const response = await s.admin(target, body === undefined ? { method } : { ...post(body), method });
  expect([response.status, await response.json()]).toEqual([200, answer]);
  expect(s.library.calls).toEqual([[`options.${name}`, ...asked]]);
});

test.each<[unknown, string]>([
  [{}, "options"],
  [{ options: { threads: [1] } }, "options.threads"],
  [{ options: { threads: 1 }, aply: true }, "aply"],
  [{ options: { threads: 1 }, apply: "no" }, "apply"],
])("PUT %j is refused for %s", async (body, field) => {
  await using s = await runningModels();
  const response = await s.admin("/api/models/iris/options", { ...post(body), method: "PUT" });
  expect([response.status, (await problemOf(response)).field]).toEqual([400, field]);
  expect(s.library.calls).toEqual([]);
});

test.each<[string, object, object]>([
  ["/api/models/acme/tiny/tune", {}, { model: "acme/tiny" }],
  ["/api/models/iris/tune?version=2", { variant: "q4", probe: [[1]], runs: 5, seconds_max: 9, keep: false }, {
    ...{ model: "iris", version: "2", variant: "q4", probe: [[1]], runs: 5, seconds_max: 9, keep: false },
  }],
  ["/api/models/iris/tune", { probe: "once upon" }, { model: "iris", probe: "once upon" }],
])("POST %s is answered with a job", async (target, body, asked) => {
  await using s = await runningModels();
  const response = await s.admin(target, post(body));
  expect([response.status, await response.json()]).toEqual([202, TUNE_JOB] as never);
  expect(s.library.calls).toEqual([["options.tune", asked]]);
});

test.each([[{ runs: 2 }, "runs"], [{ seconds_max: 0 }, "seconds_max"], [{ probe: 7 }, "probe"]])(
  "POST …/tune with %j is refused for %s",
  async (body, field) => {
    await using s = await runningModels();
    const response = await s.admin("/api/models/iris/tune", post(body));
    expect([response.status, (await problemOf(response)).field]).toEqual([400, field]);
  },
);

test("A01: whoever may read sees options, administrators change them", async () => {
  await using s = await runningModels();
  s.library.open = false;
  const target = "/api/models/iris/options";
  const status = async (init: RequestInit, token: string) =>
    (await s.fetch(target, withToken(init, token))).status;
  const put = { ...post(CHANGES), method: "PUT" };
  for (const [init, reader] of [[{}, 200], [put, 403], [{ method: "DELETE" }, 403]] as const) {
    expect((await s.fetch(target, init)).status).toBe(401);
    expect([await status(init, "reader"), await status(init, "user"), await status(init, "root")]).toEqual([
      ...[reader, 403, 200],
    ]);
  }
  expect((await s.fetch("/api/models/iris/tune", withToken(post({}), "user"))).status).toBe(403);
});
