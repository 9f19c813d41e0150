import { describe, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import type { Answer, Api } from "../helpers/api.ts";
import { tinyLlama } from "../helpers/tiny-llama.ts";
import { waitUntil } from "../helpers/wait.ts";
import { DEADLY, type ModelPlace, modelPlace, MODELS, type ModelServer } from "./model-place.ts";
import { childrenOf, isAlive } from "./processes.ts";
import { startTalk, TALKER } from "./talk.ts";

const TIMEOUT_MS = 120_000;
const CLIENTS = 200;
const LINEAR = "acme/linear";
/** `y` of {@link ask}, by hand. */
const Y = [[1.5, -2.25, 2.5]];
/** A stop may take a while longer than requests are waited for. */
const STOP_MS = 6000;
/** What is left out here would make each try wait longer than the one before. */
const NO_BACKOFF = { failure_backoff: { base_ms: 0, max_ms: 0 } };

describe.each(["thread", "process"])("isolation = %s", (isolation) => {
  test(
    "a GGUF without heads ends its own process and nothing else: 200 clients of another model see no error",
    async () => {
      await using at = await modelPlace();
      await at.add(`${LINEAR}@1.0.0`, MODELS[LINEAR]);
      await at.add("acme/deadly@1.0.0", DEADLY);
      const { api, server } = await at.serve([], { LARDER_ISOLATION: isolation });
      expect(await ask(api)).toMatchObject({ status: 200 });
      let isOver = false;
      let answered = 0;
      const wrong: unknown[] = [];
      const clients = Array.from({ length: CLIENTS }, async () => {
        do {
          const { status, json } = await ask(api);
          if (status !== 200 || !Bun.deepEquals(json.outputs.y.data, Y)) wrong.push(json);
          answered++;
        } while (!isOver);
      });
      await waitUntil(() => answered >= CLIENTS);
      const answer = await generate(api, "acme/deadly");
      isOver = true;
      await Promise.all(clients);
      expect(wrong).toEqual([]);
      expectSetAside(answer);
      expect(answer.json.error.message).toContain("GGML_ASSERT");
      expect(answered).toBeGreaterThan(CLIENTS);
      expect(server.child.exitCode).toBeNull();
      const { json } = await api.get("/api/cache/stats");
      expect(json).toMatchObject({ cache_size: 1, total_loads: 2, failed_loads: 1, crashes: 1 });
    },
    TIMEOUT_MS,
  );

  test(
    "P20: what crashed while it was loaded is not tried again after a restart, and why is said",
    async () => {
      await using at = await modelPlace();
      await at.add(`${LINEAR}@1.0.0`, MODELS[LINEAR]);
      await at.add("acme/deadly@1.0.0", DEADLY);
      const first = await at.serve([], { LARDER_ISOLATION: isolation });
      expectSetAside(await generate(first.api, "acme/deadly"));
      expect(await first.server.stop()).toBe(0);
      const { api } = await at.serve([], { LARDER_ISOLATION: isolation });
      const native = await predict(api, "acme/deadly");
      expect(native).toMatchObject({
        status: 500,
        json: { code: "MODEL_CRASHED", details: { set_aside: true, crashes: 1 } },
      });
      expect(native.json.hint).toBeString();
      expect(native.json.details.reason).toContain("SIGABRT");
      expect(await ask(api)).toMatchObject({ status: 200 });
    },
    TIMEOUT_MS,
  );

  test(
    "P14: a model whose process is killed at each load is set aside after 3; the others answer",
    async () => {
      await using at = await modelPlace();
      await at.add(`${LINEAR}@1.0.0`, MODELS[LINEAR]);
      await at.add("acme/llama@1.0.0", MODELS["acme/llama"]);
      const { api, server } = await at.serve([], { LARDER_ISOLATION: isolation });
      expect((await api.put("/api/cache/config", NO_BACKOFF)).status).toBe(200);
      expect(await ask(api)).toMatchObject({ status: 200 });
      for (let i = 0; i < 3; i++) {
        const before = await childrenOf(server.pid);
        const answer = predict(api, "acme/llama");
        await killNew(server.pid, before);
        expect(await answer).toMatchObject({
          status: 500,
          json: { code: "MODEL_CRASHED", details: { signal: "SIGKILL" } },
        });
        expect(await ask(api)).toMatchObject({ status: 200 });
      }
      const refused = await predict(api, "acme/llama");
      expect(refused.json.code).toBeOneOf(["MODEL_SET_ASIDE", "MODEL_CRASHED"]);
      expect(refused.json.hint).toBeString();
    },
    TIMEOUT_MS,
  );

  test("SIGTERM while a model generates: exit 0 in time, and no process is left behind", async () => {
    await using at = await modelPlace();
    const served = await serveTalker(at, isolation, ["--shutdown-s", "2"]);
    const { server } = served;
    await using talk = await startTalk(served, "acme/talker");
    // The process that tried it first ends by itself.
    await waitUntil(async () => (await childrenOf(server.pid)).length === (isolation === "process" ? 1 : 0));
    const children = await childrenOf(server.pid);
    const startMs = performance.now();
    expect(await server.stop("SIGTERM")).toBe(0);
    expect(performance.now() - startMs).toBeLessThan(STOP_MS);
    await talk.text;
    expect(children.filter(isAlive)).toEqual([]);
  }, TIMEOUT_MS);
});

test(
  "P14: the server is killed while it loads: the next one starts, remembers it, and loads the model",
  async () => {
    await using at = await modelPlace();
    await at.add("acme/llama@1.0.0", { "llama.gguf": tinyLlama({ width: 512, layers: 8 }) });
    const first = await at.serve();
    const loading = at.larder.inHome("runtimes", "loading");
    void predict(first.api, "acme/llama").catch(() => {});
    await waitUntil(async () => (await readdir(loading).catch(() => [])).length > 0);
    await first.server.stop("SIGKILL");
    const { api } = await at.serve();
    const { loads } = await Bun.file(at.larder.inHome("runtimes", "loads.json")).json();
    expect(Object.values(loads)).toMatchObject([{
      label: "acme/llama@1.0.0:default",
      crashes: [{ atS: expect.any(Number) }],
    }]);
    expect((await generate(api, "acme/llama")).status).toBe(200);
  },
  TIMEOUT_MS,
);

test("no process of a model outlives a server that is killed", async () => {
  await using at = await modelPlace();
  const { api, server } = await serveTalker(at, "process");
  expect((await generate(api, "acme/talker")).status).toBe(200);
  const children = await childrenOf(server.pid);
  expect(children).not.toEqual([]);
  await server.stop("SIGKILL");
  await waitUntil(() => !children.some(isAlive));
}, TIMEOUT_MS);

test(
  "P23: a model's process stands still: others answer; it is killed: its request is told, the next one loads it anew",
  async () => {
    await using at = await modelPlace();
    await at.add(`${LINEAR}@1.0.0`, MODELS[LINEAR]);
    await at.add("acme/tree@1.0.0", MODELS["acme/tree"]);
    const { api, server } = await at.serve([], { LARDER_ISOLATION: "process" });
    expect(await ask(api)).toMatchObject({ status: 200 });
    const [stuck = 0] = await childrenOf(server.pid);
    process.kill(stuck, "SIGSTOP");
    const waiting = ask(api);
    const flower = { model: "acme/tree", inputs: [[5, 3, 1, 0.2]] };
    expect((await api.post("/api/v1/predict", flower)).json.predictions).toEqual(["setosa"]);
    expect((await api.get("/health/live")).status).toBe(200);
    process.kill(stuck, "SIGKILL");
    expect(await waiting).toMatchObject({ status: 500, json: { code: "MODEL_CRASHED", retryable: true } });
    await waitUntil(async () => (await ask(api)).status === 200);
  },
  TIMEOUT_MS,
);

test(
  "P23: a chat template that never ends spins in its own thread: others answer, and SIGTERM ends the server in time",
  async () => {
    const chatTemplate = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
    await using at = await modelPlace();
    await at.add(`${LINEAR}@1.0.0`, MODELS[LINEAR]);
    await at.add("acme/spinning@1.0.0", { "llama.gguf": tinyLlama({ chatTemplate }) });
    const { api, server } = await at.serve(["--shutdown-s", "1"]);
    expect((await generate(api, "acme/spinning")).status).toBe(200);
    let isOver = false;
    const chat = { model: "acme/spinning", messages: [{ role: "user", content: "hello" }], max_tokens: 1 };
    const spinning = api.post("/v1/chat/completions", chat).catch(() => {}).finally(() => {
      isOver = true;
    });
    for (let i = 0; i < 20; i++) expect(await ask(api)).toMatchObject({ status: 200 });
    expect(isOver).toBe(false);
    const startMs = performance.now();
    expect(await server.stop("SIGTERM")).toBe(0);
    expect(performance.now() - startMs).toBeLessThan(STOP_MS);
    await spinning;
  },
  TIMEOUT_MS,
);

function ask(api: Api): Promise<Answer> {
  return api.post("/api/v1/predict", { model: LINEAR, inputs: [[1, 0, 0, 0]] });
}

/** Loads it at least: whether it takes these inputs is not the question. */
function predict(api: Api, model: string): Promise<Answer> {
  return api.post("/api/v1/predict", { model, inputs: [[1]] });
}

function generate(api: Api, model: string): Promise<Answer> {
  return api.post("/v1/completions", { model, prompt: "a", max_tokens: 1 });
}

/** In the words of OpenAI's dialect, where the hint is part of the message. */
function expectSetAside({ status, json }: Answer): void {
  expect(status).toBeGreaterThanOrEqual(500);
  expect(json.error.code).toBeOneOf(["model_crashed", "model_set_aside"]);
  expect(json.error.message).toMatch(/\. [A-Z].*\.$/);
}

async function killNew(pid: number, before: readonly number[]): Promise<void> {
  await waitUntil(async () => {
    const [child] = (await childrenOf(pid)).filter((one) => !before.includes(one));
    return child !== undefined && process.kill(child, "SIGKILL");
  });
}

async function serveTalker(
  at: ModelPlace,
  isolation: string,
  argv: readonly string[] = [],
): Promise<ModelServer> {
  await at.add("acme/talker@1.0.0", TALKER);
  return await at.serve(argv, { LARDER_ISOLATION: isolation });
}
