import { describe, expect, test } from "bun:test";
import { runningModels, withToken } from "./models-setup.ts";
import { SCRUB } from "./scrub-stand-in.ts";
import { post, problemOf } from "./setup.ts";

const REPORT = { ...SCRUB, position: null, lost: [] };

function put(body: unknown): RequestInit {
  return { ...post(body), method: "PUT" };
}

describe("verification over time", () => {
  test("GET /api/scrub tells how far it is", async () => {
    await using s = await runningModels();
    const response = await s.fetch("/api/scrub");
    expect([response.status, await response.json()]).toEqual([200, REPORT] as never);
  });

  test("PUT /api/scrub changes what is named and nothing else", async () => {
    await using s = await runningModels();
    const all = { rate_bytes_per_s: 0, hours: "22-6", paused: true };
    for (const body of [all, { hours: "" }, {}]) {
      expect((await s.admin("/api/scrub", put(body))).status).toBe(200);
    }
    expect(s.library.scrub.calls).toEqual([["configure", all], ["configure", { hours: "" }], [
      "configure",
      {},
    ]]);
  });

  test.each([
    [{ rate_bytes_per_s: -1 }, "rate_bytes_per_s"],
    [{ rate_bytes_per_s: 1.5 }, "rate_bytes_per_s"],
    [{ hours: "5" }, "hours"],
    [{ hours: "5-25" }, "hours"],
    [{ paused: "yes" }, "paused"],
    [{ speed: 1 }, "speed"],
  ])("PUT /api/scrub refuses %j", async (body, field) => {
    await using s = await runningModels();
    const response = await s.admin("/api/scrub", put(body));
    expect([response.status, (await problemOf(response)).field]).toEqual([400, field]);
    expect(s.library.scrub.calls).toEqual([]);
  });

  test("POST /api/scrub/run begins a pass", async () => {
    await using s = await runningModels();
    const response = await s.admin("/api/scrub/run", post({}));
    expect([response.status, await response.json()]).toEqual([202, { ...REPORT, state: "running" }] as never);
  });

  test("A01: a reader may look, and only an administrator may change it", async () => {
    await using s = await runningModels();
    const as = (token: string, target: string, init: RequestInit = {}) =>
      s.fetch(target, withToken(init, token));
    expect((await as("reader", "/api/scrub")).status).toBe(200);
    expect((await as("reader", "/api/scrub", put({ paused: true }))).status).toBe(403);
    expect((await as("user", "/api/scrub/run", post({}))).status).toBe(403);
    expect((await s.fetch("/api/scrub/run", post({}))).status).toBe(401);
    expect(s.library.scrub.calls).toEqual([["report"]]);
  });
});
