import { expect, test } from "bun:test";
import { Api } from "../helpers/api.ts";
import { place, type Server } from "../helpers/executable.ts";
import { waitUntil } from "../helpers/wait.ts";
import { modelPlace } from "./model-place.ts";

const TIMEOUT_MS = 120_000;
const FLOWER = { model: "demo/iris", inputs: [[5.1, 3.5, 1.4, 0.2]] };

async function useOf({ url }: Server) {
  const { status, json } = await new Api(url).get("/api/registry/use?model=demo/iris@1.1.0");
  expect(status).toBe(200);
  return json.variants[0];
}

async function predict({ url }: Server, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    expect((await new Api(url).post("/api/v1/predict", FLOWER)).status).toBe(200);
  }
}

test("counts and times of use survive a stop, and a kill -9 once they are told", async () => {
  await using larder = await place();
  const startS = Date.now() / 1000;
  const first = await larder.serve(["--demo"]);
  expect(await useOf(first)).toMatchObject({ access_count: 0, last_used_at: null, load_ms: null });
  await predict(first, 3);
  // At once: the last second is written down on the way out.
  expect(await first.stop()).toBe(0);

  const second = await larder.serve();
  const used = await useOf(second);
  expect(used).toMatchObject({ model: "demo/iris", version: "1.1.0", variant: "default", access_count: 3 });
  expect(used.last_used_at).toBeGreaterThanOrEqual(startS);
  expect(used.idle_seconds).toBeLessThan(Date.now() / 1000 - startS + 1);
  expect(used.age_seconds).toBeGreaterThanOrEqual(used.idle_seconds);
  expect(used.load_ms).toBeGreaterThan(0);
  await predict(second, 2);
  await waitUntil(async () => (await useOf(second)).access_count === 5);
  const before = await useOf(second);
  await second.stop("SIGKILL");

  const third = await larder.serve();
  const { idle_seconds: _idle, age_seconds: _age, memory_bytes, ...kept } = await useOf(third);
  expect(before).toMatchObject(kept);
  expect([kept.access_count, memory_bytes]).toEqual([5, null]);
}, TIMEOUT_MS);

test(
  "every question about what is here is answered by the API and by a verb, and clear empties the home",
  async () => {
    await using at = await modelPlace();
    await at.addAll();
    const { api, server } = await at.serve();
    expect((await api.post("/api/cache/load", { model: "acme/linear" })).status).toBe(200);
    const file = await fetch(`${server.url}/api/files/acme/tree/1.0.0/model.onnx`);
    expect((await file.arrayBuffer()).byteLength).toBeGreaterThan(0);
    const names = async (path: string) => {
      const { json } = await api.get(`/api/registry/${path}`);
      return json.variants.map(({ model }: { model: string }) => model);
    };
    await waitUntil(async () => (await names("cached?where=disk"))[0] === "acme/tree");
    expect(await names("cached?where=memory")).toEqual(["acme/linear"]);
    const never = ["acme/external", "acme/transformer", "acme/llama"];
    expect(await names("oldest")).toEqual([...never, "acme/linear", "acme/tree"]);
    expect(await names("least-used?limit=4")).toEqual([...never, "acme/linear"]);

    const listed = async (...flags: string[]) => {
      const { code, json } = await at.larder.run("list", ...flags);
      return [code, ...(json["variants"] as { model: string }[]).map(({ model }) => model)];
    };
    expect(await listed("--oldest", "--limit", "3")).toEqual([0, ...never]);
    expect(await listed("--least-used", "--limit", "4")).toEqual([0, ...never, "acme/linear"]);
    expect(await listed("--loaded")).toEqual([0, "acme/linear"]);

    const { json: usage } = await api.get("/api/registry/usage");
    const { json: stats } = await at.larder.run("stats");
    expect(stats).toMatchObject({ usage: { models: 5, versions: 5, total_bytes: usage.total_bytes } });
    expect(stats).toMatchObject({ cache: { cache_size: 1, total_loads: 1 } });
    expect(usage).toMatchObject({ budget_bytes: null, usage_percent: null });

    expect((await api.post("/api/registry/clear", { confirm: false })).json).toMatchObject({
      code: "BAD_BODY",
      field: "confirm",
    });
    // What is loaded keeps its bytes until the next sweep.
    expect((await api.post("/api/cache/evict", { model: "acme/linear" })).status).toBe(200);
    expect(await at.larder.run("clear")).toMatchObject({ code: 2 });
    const cleared = await at.larder.run("clear", "--yes");
    expect(cleared.code).toBe(0);
    expect(cleared.json).toMatchObject({
      ...{ kind: "clear", state: "done" },
      result: { models: 5, versions: 5, bytes_freed: usage.total_bytes, left_out: [] },
    });
    expect((await api.get("/api/registry/usage")).json).toMatchObject({
      models: 0,
      blobs: 0,
      total_bytes: 0,
    });
    expect(await names("cached")).toEqual([]);
  },
  TIMEOUT_MS,
);
