import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { openTestLibrary } from "../helpers/library.ts";
import { linearOnnx } from "../helpers/onnx-files.ts";
import { expectSound } from "../helpers/sound.ts";
import { waitUntil } from "../helpers/wait.ts";
import { type ModelPlace, modelPlace, type ModelServer } from "./model-place.ts";

const TIMEOUT_MS = 120_000;
const NAMES = ["a", "b", "c", "d"].map((name) => `acme/${name}`);

async function placeWithModels(): Promise<ModelPlace> {
  await using stack = new AsyncDisposableStack();
  const at = stack.use(await modelPlace());
  for (const name of NAMES) await at.add(`${name}@1`, { "model.onnx": linearOnnx() });
  const owned = stack.move();
  return { ...at, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function loaded({ api }: ModelServer): Promise<string[]> {
  const { json } = await api.get("/api/cache");
  return json.models.map(({ model }: { model: string }) => model);
}

/** What the next process would load again. */
function notedModels({ larder }: ModelPlace): readonly string[] {
  using registry = new Database(larder.inHome("registry.sqlite"), { readonly: true });
  const row = registry.query<{ value: string }, []>("SELECT value FROM settings WHERE key = 'warm.loaded'")
    .get();
  return row === null ? [] : JSON.parse(row.value);
}

async function predict({ api }: ModelServer, model: string): Promise<number> {
  const { status, json } = await api.post("/api/v1/predict", { model, inputs: [[1, 2, 3, 4]] });
  expect(status).toBe(200);
  return json.timing_ms.load;
}

test(
  "a home that was made with models and a queue in it is warm soon after its first start, as in an image",
  async () => {
    await using at = await placeWithModels();
    const alone = { program: at.program, cwd: "/", env: { PATH: "" } };
    expect(await at.larder.runWith(alone, "preload", "add", "acme/b", "acme/c")).toMatchObject({ code: 0 });
    expect((await at.larder.runWith(alone, "preload", "now")).code).toBe(1);
    expect((await at.larder.runWith(alone, "preload", "list", "--json")).stdout).toContain(
      '"reference":"acme/b"',
    );
    const served = await at.serve();
    await waitUntil(async () => (await loaded(served)).length === 2, TIMEOUT_MS);
    expect(await loaded(served)).toEqual(["acme/b", "acme/c"]);
    expect(await predict(served, "acme/c")).toBe(0);
    expect((await served.api.get("/api/preload/stats")).json).toMatchObject({
      successful: 2,
      success_rate: 1,
    });
    expect((await served.api.get("/api/preload")).json).toMatchObject({ queue: [], state: "idle" });
    await served.server.stop();
  },
  TIMEOUT_MS,
);

test("a restart answers at once and then warms what was loaded, after a stop and after a kill", async () => {
  await using at = await placeWithModels();
  let served = await at.serve();
  for (const model of ["acme/a", "acme/b", "acme/b", "acme/c"]) await predict(served, model);
  expect((await served.api.put("/api/cache/config", { count_max: 9 })).status).toBe(200);
  expect((await served.api.put("/api/preload/config", { strategy: "recency" })).status).toBe(200);
  expect(await served.server.stop()).toBe(0);

  served = await at.serve();
  // Nothing is waited for: the list is there before the models are.
  const { json: early } = await served.api.get("/api/preload");
  expect(early.config.strategy).toBe("recency");
  await waitUntil(async () => (await loaded(served)).length === 3);
  expect((await loaded(served))[0]).toBe("acme/b");
  expect((await served.api.get("/api/cache")).json.count_max).toBe(9);
  expect(await predict(served, "acme/a")).toBe(0);
  await predict(served, "acme/d");
  // What changes is noted within a few seconds.
  await waitUntil(() => notedModels(at).includes("acme/d@1:default"));
  await served.server.stop("SIGKILL");

  served = await at.serve();
  await waitUntil(async () => (await loaded(served)).length === 4);
  expect((await served.api.get("/api/preload/stats")).json).toMatchObject({ successful: 7, failed: 0 });
  expect(await served.server.stop()).toBe(0);

  served = await at.serve(["--warm-on-start", "false"]);
  expect((await served.api.get("/api/preload")).json.queue).toEqual([]);
  expect(await loaded(served)).toEqual([]);
  await served.server.stop();
}, TIMEOUT_MS);

test("a process that is killed while it preloads leaves a sound home, and the next one goes on", async () => {
  await using at = await placeWithModels();
  for (let time = 0; time < 3; time++) {
    const served = await at.serve(["--models-max", "9"]);
    await served.api.post("/api/preload", { models: NAMES.map((model) => ({ model })) });
    await waitUntil(async () => (await served.api.get("/api/preload")).json.state === "loading", TIMEOUT_MS);
    await served.server.stop("SIGKILL");
    await using opened = await openTestLibrary({ home: at.larder.home, settings: { gcGraceS: 0 } });
    // A folder with real names that was being made is for a sweep to take.
    const { id } = await opened.library.gc({});
    for await (const { error } of opened.library.watchJob(id)) expect(error).toBeNull();
    await expectSound(opened);
  }
  const served = await at.serve(["--models-max", "9"]);
  await waitUntil(async () => (await loaded(served)).length === NAMES.length, TIMEOUT_MS);
  await waitUntil(async () => (await served.api.get("/api/preload")).json.queue.length === 0);
  for (const name of NAMES) expect(await predict(served, name)).toBe(0);
  await served.server.stop();
}, TIMEOUT_MS);
