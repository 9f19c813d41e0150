import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { type Answer, Api } from "../helpers/api.ts";
import { place } from "../helpers/executable.ts";
import { tinySafetensors } from "../helpers/model-files.ts";
import { findTool, testWith } from "../helpers/tools.ts";
import { waitUntil } from "../helpers/wait.ts";
import { type ModelPlace, modelPlace, MODELS, type ModelServer } from "./model-place.ts";
import { stepModel } from "./step-model.ts";
import { startTalk, TALKER } from "./talk.ts";

const TIMEOUT_MS = 120_000;
const README = resolve(import.meta.dir, "../../README.md");
const STEP = "acme/step";
const RELOADS = 5;
const CLIENTS = 20;
const DONE = "data: [DONE]";

testWith(["curl"], "the README's first answer: serve --demo, and its curl line", async () => {
  await using larder = await place();
  const server = await larder.serve(["--demo"]);
  const [line = ""] = /^curl \S+\/predict[\s\S]*?[^\\]$/m.exec(await Bun.file(README).text()) ?? [];
  const command = line.replace("http://127.0.0.1:7420", server.url).replace(
    /^curl/,
    `${findTool("curl")} -sS`,
  );
  const shell = Bun.spawn(["sh", "-c", command], { stdio: ["ignore", "pipe", "inherit"] });
  // The first flower of Fisher's table.
  expect(JSON.parse(await shell.stdout.text())).toMatchObject({
    model: "demo/iris",
    version: "1.1.0",
    predictions: ["setosa"],
  });
  const { json } = await new Api(server.url).get("/v2/models/demo/iris");
  expect(json.versions.toSorted()).toEqual(["1.0.0", "1.1.0"]);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toMatch(/^larder_model_load_seconds_count 1$/m);
  expect(metrics).toMatch(/^larder_model_run_seconds_count 1$/m);
  expect(metrics).toMatch(/^larder_models_loaded 1$/m);
  expect(await server.stop()).toBe(0);
}, TIMEOUT_MS);

test("C07: a model that is evicted while it is used goes when the use is over", async () => {
  await using at = await modelPlace();
  const served = await serveTalker(at);
  await using talk = await startTalk(served, "acme/talker", 300);
  let isEvicted = false;
  const evicted = served.api.post("/api/cache/evict", { model: "acme/talker" }).finally(() => {
    isEvicted = true;
  });
  const early = await served.api.get("/api/cache");
  expect([isEvicted, early.json.leaving.length]).toEqual([false, 1]);
  const text = await talk.text;
  expect(text).toContain(DONE);
  expect(await evicted).toMatchObject({ status: 200, json: { evicted: true } });
  expect((await served.api.get("/api/cache")).json).toMatchObject({ cache_size: 0, leaving: [] });
  await using again = await startTalk(served, "acme/talker", 300);
  expect(wordsOf(await again.text)).toBe(wordsOf(text));
}, TIMEOUT_MS);

test(
  "C06: a model that is removed while it is used answers to the end; its name is 404 at once",
  async () => {
    await using at = await modelPlace();
    const served = await serveTalker(at, ["--pull-on-use", "false"]);
    await using talk = await startTalk(served, "acme/talker", 1500);
    let isOver = false;
    void talk.text.then(() => {
      isOver = true;
    });
    expect(await at.larder.run("remove", "acme/talker")).toMatchObject({ code: 0 });
    const next = await served.api.post("/api/v1/predict", {
      model: "acme/talker",
      version: "1.0.0",
      inputs: [[1]],
    });
    expect([isOver, next.status, next.json.code]).toEqual([false, 404, "MODEL_NOT_FOUND"]);
    expect(await talk.text).toContain(DONE);
  },
  TIMEOUT_MS,
);

test("C10: reloads under requests: none fails, and each is answered by one version", async () => {
  await using at = await modelPlace();
  await at.add(`${STEP}@1.0.0`, stepModel(0));
  const { api } = await at.serve();
  let isOver = false;
  const seen = new Set<string>();
  const wrong: Answer[] = [];
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!isOver) {
      const answer = await step(api);
      const { version, fallback, outputs } = answer.json;
      const isRight = answer.status === 200 && fallback === undefined &&
        `1.0.${outputs.y.data[0][0]}` === version;
      if (!isRight) wrong.push(answer);
      seen.add(version);
    }
  });
  const versions = Array.from({ length: RELOADS }, (_, i) => `1.0.${i + 1}`);
  await waitUntil(() => seen.size > 0);
  for (const [i, version] of versions.entries()) {
    await at.add(`${STEP}@${version}`, stepModel(i + 1));
    expect((await api.post("/api/v1/models/reload", { model: STEP })).status).toBe(200);
    await waitUntil(() => seen.has(version));
  }
  isOver = true;
  await Promise.all(clients);
  expect(wrong).toEqual([]);
  expect([...seen]).toEqual(["1.0.0", ...versions]);
  expect((await api.get("/api/cache")).json.models).toMatchObject([{ version: `1.0.${RELOADS}` }]);
}, TIMEOUT_MS);

test(
  "C11: a broken new version does not take over; a request is answered by the one before, and told so",
  async () => {
    await using at = await modelPlace();
    await at.add(`${STEP}@1.0.0`, stepModel(1));
    const { api, url } = await at.serve();
    expect((await step(api)).json.version).toBe("1.0.0");
    await at.add(`${STEP}@2.0.0`, {
      "model.onnx": stepModel(2)["model.onnx"]?.slice(0, 40) ?? new Uint8Array(),
    });
    const reload = await api.post("/api/v1/models/reload", { model: STEP });
    expect(reload.status).toBeGreaterThanOrEqual(400);
    expect(reload.json.code).toBeOneOf(["MODEL_BROKEN", "RELOAD_FAILED"]);
    const response = await fetch(`${url}/api/v1/predict`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: STEP, inputs: [[0]] }),
    });
    expect(await response.json()).toMatchObject({ version: "1.0.0", outputs: { y: { data: [[1]] } } });
    expect(response.headers.get("x-larder-version")).toBe("1.0.0");
    expect(response.headers.get("x-larder-fallback")).toStartWith(`${STEP}@2.0.0:default; code=`);
  },
  TIMEOUT_MS,
);

test("C13: a model larger than the budget is refused, and nothing leaves for it", async () => {
  await using at = await modelPlace();
  await at.add("acme/mapped@1.0.0", { "model.safetensors": tinySafetensors() });
  const { api } = await serveTalker(at, ["--models-bytes", "1MiB"]);
  expect((await api.post("/api/cache/load", { model: "acme/mapped" })).status).toBe(200);
  const refused = await api.post("/api/v1/predict", { model: "acme/talker", inputs: [[1]] });
  expect(refused).toMatchObject({
    status: 507,
    json: { code: "MODEL_TOO_LARGE", details: { bytes_max: 2 ** 20 } },
  });
  expect(refused.json.hint).toBeString();
  expect((await api.get("/api/cache/stats")).json).toMatchObject({
    evictions: 0,
    cached_models: [{ model: "acme/mapped" }],
  });
}, TIMEOUT_MS);

test(
  "C14: more models asked at once than there is room for: all answer, and there are never more",
  async () => {
    await using at = await modelPlace();
    const models = Array.from({ length: 6 }, (_, i) => `acme/step-${i}`);
    for (const [i, model] of models.entries()) await at.add(`${model}@1.0.0`, stepModel(i));
    const { api } = await at.serve(["--models-max", "2"]);
    let isOver = false;
    const sizes: number[] = [];
    const watching = (async () => {
      while (!isOver) {
        const { json } = await api.get("/api/cache");
        const loading = json.loading.filter(({ state }: { state: string }) => state === "loading");
        // What is to come may have been promised the place of what is just leaving.
        sizes.push(json.models.length + Math.max(json.leaving.length, loading.length));
      }
    })();
    const asks = [...models, ...models, ...models].map((model) => step(api, model));
    const answers = await Promise.all(asks);
    isOver = true;
    await watching;
    expect(answers.map(({ status, json }) => [status, json.outputs?.y.data[0][0]])).toEqual(
      answers.map((_, i) => [200, i % models.length]),
    );
    expect(sizes.length).toBeGreaterThan(0);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2);
  },
  TIMEOUT_MS,
);

test("C20: the server stays awake while models load and generate", async () => {
  await using at = await modelPlace();
  await at.addAll();
  const served = await serveTalker(at, ["--models-max", "8"]);
  await using _talk = await startTalk(served, "acme/talker");
  let isOver = false;
  const loads = Promise.all(
    Object.keys(MODELS).map((model) => served.api.post("/api/cache/load", { model })),
  );
  void loads.finally(() => {
    isOver = true;
  });
  const tooks: number[] = [];
  while (!isOver || tooks.length < 200) {
    const startMs = performance.now();
    expect((await fetch(`${served.url}/health/live`)).status).toBe(200);
    tooks.push(performance.now() - startMs);
  }
  expect((await loads).map(({ status }) => status)).toEqual(Object.keys(MODELS).map(() => 200));
  const p99 = tooks.toSorted((a, b) => a - b)[Math.floor(tooks.length * 0.99)] ?? Infinity;
  expect(p99).toBeLessThan(100);
}, TIMEOUT_MS);

function step(api: Api, model = STEP): Promise<Answer> {
  return api.post("/api/v1/predict", { model, inputs: [[0]] });
}

async function serveTalker(at: ModelPlace, argv: readonly string[] = []): Promise<ModelServer> {
  await at.add("acme/talker@1.0.0", TALKER);
  return await at.serve(argv);
}

/** The text that a stream of events carries. */
function wordsOf(events: string): string {
  return events.split("\n").filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice("data: ".length)).choices[0]?.text ?? "").join("");
}
