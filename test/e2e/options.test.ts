import { expect, test } from "bun:test";
import type { Answer, Api } from "../helpers/api.ts";
import { waitUntil } from "../helpers/wait.ts";
import { modelPlace, MODELS } from "./model-place.ts";
import { childrenOf, isAlive } from "./processes.ts";

const TIMEOUT_MS = 180_000;
const LINEAR = "acme/linear";
const LLAMA = "acme/llama";
/** `y` of {@link ask}, by hand. */
const Y = [[1.5, -2.25, 2.5]];
/** A token or more for each letter. */
const LONG = "a b c d e f g h i j k l m n o p q r s t u v w x y z";

test(
  "options and pins are there after kill -9 and heeded: context_length, budget_weight, pinned",
  async () => {
    await using at = await modelPlace();
    await at.addAll();
    const first = await at.serve();
    expect((await complete(first.api)).status).toBe(200);
    expect(await first.api.put(`/api/models/${LLAMA}/options`, { options: { context_length: 16 } }))
      .toMatchObject({ status: 200, json: { in_force: { context_length: 16 }, applied: "now" } });
    const wrong = await first.api.put(`/api/models/${LLAMA}/options`, { options: { contxt_length: 16 } });
    expect(wrong).toMatchObject({ status: 400, json: { code: "BAD_INPUT", field: "contxt_length" } });
    expect(wrong.json.hint).toContain("context_length");
    const set = await at.larder.run("options", "acme/tree", "budget_weight=5", "keep_alive_s=600");
    expect(set).toMatchObject({ code: 0, json: { applied: "now" } });
    expect(await at.larder.run("pin", LINEAR)).toMatchObject({ code: 0 });
    await first.server.stop("SIGKILL");

    const { api } = await at.serve();
    expect((await api.get("/api/cache")).json).toMatchObject({
      pins: [`${LINEAR}@1.0.0:default`],
    });
    const refused = await complete(api);
    expect([refused.status, JSON.stringify(refused.json)]).toEqual([
      400,
      expect.stringContaining("the context takes 16"),
    ]);
    for (const model of ["acme/tree", LINEAR, "acme/external"]) {
      expect((await api.post("/api/cache/load", { model })).status).toBe(200);
    }
    const { json } = await api.get("/api/cache/explain?model=acme/transformer");
    expect(json.order.map(({ key }: { key: string }) => key)).toEqual([
      ...["acme/external@1.0.0:default", "acme/tree@1.0.0:default"],
    ]);
    expect(json.order[1].reason).toStartWith("weight 5; ");
    expect(json.kept).toMatchObject([{ key: `${LINEAR}@1.0.0:default`, reason: "pinned" }]);
    expect((await api.delete(`/api/models/${LLAMA}/options`)).json.options).toEqual({});
    expect((await complete(api)).status).toBe(200);
  },
  TIMEOUT_MS,
);

test("keep_alive_s lets one model go and not the other; isolation moves one into a process", async () => {
  await using at = await modelPlace();
  await at.addAll();
  const { api, server } = await at.serve(["--keep-alive-s", "600"]);
  expect((await ask(api)).json.outputs.y.data).toEqual(Y);
  expect((await api.post("/api/cache/load", { model: "acme/tree" })).status).toBe(200);
  await waitUntil(async () => (await childrenOf(server.pid)).length === 0);
  const moved = await api.put(`/api/models/${LINEAR}/options`, { options: { isolation: "process" } });
  expect(moved.json).toMatchObject({ in_force: { isolation: "process" }, applied: "now" });
  let children: number[] = [];
  await waitUntil(async () => (children = await childrenOf(server.pid)).length === 1);
  expect((await ask(api)).json).toMatchObject({ outputs: { y: { data: Y } }, timing_ms: { load: 0 } });
  const short = await api.put(`/api/models/${LINEAR}:default/options`, { options: { keep_alive_s: 1 } });
  expect(short.json).toMatchObject({ variant: "default", applied: "now" });
  await waitUntil(async () => (await api.get("/api/cache")).json.cache_size === 1);
  expect((await api.get("/api/cache")).json.models).toMatchObject([{ model: "acme/tree" }]);
  await waitUntil(() => !children.some(isAlive));
}, TIMEOUT_MS);

test("tune ends with a choice, answers requests meanwhile, and what it keeps is kept", async () => {
  await using at = await modelPlace();
  await at.add(`${LINEAR}@1.0.0`, MODELS[LINEAR]);
  const { api, server } = await at.serve();
  const started = await api.post(`/api/models/${LINEAR}/tune`, { runs: 3, seconds_max: 30 });
  expect(started).toMatchObject({ status: 202, json: { kind: "tune", state: "running" } });
  const wrong: Answer[] = [];
  let last = started;
  while (last.json.state === "running") {
    const answer = await ask(api);
    if (answer.status !== 200 || !Bun.deepEquals(answer.json.outputs.y.data, Y)) wrong.push(answer);
    await Bun.sleep(50);
    last = await api.get(`/api/jobs/${started.json.id}`);
  }
  expect(wrong).toEqual([]);
  const { state, error, result } = last.json;
  expect([state, error]).toEqual(["done", null]);
  expect(result.candidates.length).toBeWithin(3, 13);
  expect(result.reason).toBeString();
  const cancelled = at.larder.spawn(["tune", LINEAR, "--seconds", "600", "--json"]);
  await waitUntil(async () => {
    const { json } = await api.get("/api/jobs");
    return json.jobs.filter((job: { state: string }) => job.state === "running").length === 1;
  });
  cancelled.kill("SIGINT");
  expect(await cancelled.exited).toBe(130);
  expect((await api.get("/api/jobs")).json.jobs[0]).toMatchObject({ kind: "tune", state: "cancelled" });
  const options = (await api.get(`/api/models/${LINEAR}:default/options`)).json;
  expect(options.options).toEqual(result.kept ? result.chosen : {});
  expect((await ask(api)).status).toBe(200);
  expect(await server.stop()).toBe(0);
}, TIMEOUT_MS);

function ask(api: Api): Promise<Answer> {
  return api.post("/api/v1/predict", { model: LINEAR, inputs: [[1, 0, 0, 0]] });
}

function complete(api: Api): Promise<Answer> {
  return api.post("/v1/completions", { model: LLAMA, prompt: LONG, max_tokens: 2 });
}
