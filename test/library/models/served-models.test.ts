import { expect, test } from "bun:test";
import { isLarderError } from "../../../src/core/index.ts";
import { externalOnnx, linearOnnx, treeOnnx } from "../../helpers/onnx-files.ts";
import { tinyLlama } from "../../helpers/tiny-llama.ts";
import { waitUntil } from "../../helpers/wait.ts";
import { type Files, place } from "./place.ts";

const LINEAR: Files = { "model.onnx": linearOnnx() };
const TREE: Files = { "model.onnx": treeOnnx({ labels: ["setosa", "versicolor", "virginica"] }) };
const BROKEN: Files = { "model.onnx": linearOnnx().slice(0, 60) };

test("rows in, rows out: y = x·w + b by hand, loaded on first use and kept", async () => {
  await using at = await place();
  await at.add("acme/linear", "1.0.0", LINEAR);
  const { models } = at.larder.library;
  const first = await models.predict({ model: "acme/linear", inputs: [[1, 0, 0, 0], [0, 2, 0, 1]] });
  expect(first).toMatchObject({ model: "acme/linear", version: "1.0.0", variant: "default" });
  expect(first.outputs["y"]).toEqual({
    dtype: "float32",
    shape: [2, 3],
    data: [[1.5, -2.25, 2.5], [2.5, 5.25, 0.125]],
  });
  expect(first.timing_ms.load).toBeGreaterThan(0);
  const second = await models.predict({ model: "acme/linear", inputs: { x: [[0, 0, 0, 0]] } });
  expect(second.outputs["y"]).toEqual({ dtype: "float32", shape: [1, 3], data: [[0.5, -0.25, 2]] });
  expect(second.timing_ms.load).toBe(0);
  expect(models.cacheStats()).toMatchObject({ cache_size: 1, hits: 1, misses: 1, total_loads: 1 });
});

test("a classifier with labels and a ZipMap answers in plain words", async () => {
  await using at = await place();
  await at.add("iris", "1.0.0", TREE);
  const answer = await at.larder.library.models.predict({
    model: "iris",
    inputs: [[5, 3, 1, 0.2], [6, 3, 5, 2]],
  });
  expect(answer.predictions).toEqual(["setosa", "virginica"]);
  expect(answer.probabilities).toEqual([
    { setosa: 1, versicolor: 0, virginica: 0 },
    { setosa: 0, versicolor: 0.0625, virginica: 0.9375 },
  ]);
});

test("external data is found beside its model", async () => {
  await using at = await place();
  const { model, data } = externalOnnx();
  await at.add("acme/external", "1", { "onnx/model.onnx": model, "onnx/model.onnx_data": data });
  const answer = await at.larder.library.models.predict({ model: "acme/external", inputs: [1, 0, 0, 0] });
  expect(answer.outputs["y"]).toMatchObject({ data: [[1.5, -2.25, 2.5]] });
});

test("bad inputs name the input; in a batch they keep none of the others from an answer", async () => {
  await using at = await place();
  await at.add("acme/linear", "1", LINEAR);
  const { models } = at.larder.library;
  const bad = await models.predict({ model: "acme/linear", inputs: [[1, 2]] }).catch((error: unknown) =>
    error
  );
  expect(bad).toMatchObject({ code: "BAD_INPUT", field: "inputs.x" });
  const unknown = await models.predict({ model: "acme/linear", inputs: { z: [[1]] } }).catch((
    error: unknown,
  ) => error);
  expect(unknown).toMatchObject({ code: "BAD_INPUT", field: "inputs.z" });
  const { results } = await models.batchPredict({
    model: "acme/linear",
    requests: [{ inputs: [[0, 0, 0, 0]] }, { inputs: [["a", 0, 0, 0]] }, { inputs: [[1, 0, 0, 0]] }],
  });
  expect(results).toMatchObject([
    { outputs: { y: { data: [[0.5, -0.25, 2]] } } },
    { error: { code: "BAD_INPUT" } },
    { outputs: { y: { data: [[1.5, -2.25, 2.5]] } } },
  ]);
});

test("metadata comes from headers: nothing is loaded", async () => {
  await using at = await place();
  await at.add("acme/linear", "1", LINEAR);
  expect(await at.larder.library.models.metadata({ model: "acme/linear" })).toMatchObject({
    runtime: "onnx",
    inputs: [{ name: "x", dtype: "float32", shape: ["batch", 4] }],
    outputs: [{ name: "y", dtype: "float32", shape: ["batch", 3] }],
    versions: ["1"],
  });
  expect(at.larder.library.models.cacheStats().total_loads).toBe(0);
});

test("latest is broken: the version before answers and the answer says so; asked for by name it is an error", async () => {
  await using at = await place();
  await at.add("acme/linear", "1.0.0", LINEAR);
  await at.add("acme/linear", "2.0.0", BROKEN);
  const { models } = at.larder.library;
  const answer = await models.predict({ model: "acme/linear", inputs: [[0, 0, 0, 0]] });
  expect(answer).toMatchObject({ version: "1.0.0", fallback: { error: { code: "MODEL_BROKEN" } } });
  expect(answer.fallback?.asked).toBe("acme/linear@2.0.0:default");
  const named = await models.predict({ model: "acme/linear", version: "2.0.0", inputs: [[0, 0, 0, 0]] })
    .catch((error: unknown) => error);
  expect(isLarderError(named)).toBe(true);
});

test("a new version takes over by itself when it is latest, and one that was named stays", async () => {
  await using at = await place();
  await at.add("acme/linear", "1.0.0", LINEAR);
  const { models } = at.larder.library;
  await models.predict({ model: "acme/linear", inputs: [[0, 0, 0, 0]] });
  await at.add("acme/linear", "1.1.0", LINEAR);
  await waitUntil(() => models.cacheStats().cached_models.some(({ version }) => version === "1.1.0"));
  expect(models.cacheStats().cached_models.map(({ version }) => version)).toEqual(["1.1.0"]);
  expect((await models.predict({ model: "acme/linear", inputs: [[0, 0, 0, 0]] })).version).toBe("1.1.0");
  const named = await models.predict({ model: "acme/linear", version: "1.0.0", inputs: [[0, 0, 0, 0]] });
  expect(named.version).toBe("1.0.0");
});

test("reload: a broken new version, and one that fails the probe, leave the old one serving", async () => {
  await using at = await place({ models: { followsAliases: false } });
  await at.add("acme/linear", "1.0.0", LINEAR);
  const { models } = at.larder.library;
  await models.predict({ model: "acme/linear", inputs: [[0, 0, 0, 0]] });
  await at.add("acme/linear", "2.0.0", BROKEN);
  expect(await models.reload({ model: "acme/linear" })).toMatchObject({
    reloaded: [],
    failed: [{ version: "2.0.0", error: { code: "MODEL_BROKEN" } }],
  });
  await at.larder.library.remove("acme/linear@2.0.0");
  await at.add("acme/linear", "3.0.0", TREE);
  expect(await models.reload({ model: "acme/linear", probe: [[0, 0, 0, 0, 9]] })).toMatchObject({
    reloaded: [],
  });
  expect(models.cacheStats().cached_models.map(({ version }) => version)).toEqual(["1.0.0"]);
  expect(await models.reload({ model: "acme/linear", probe: [[0, 0, 0, 0]] })).toMatchObject({
    reloaded: [{ from: "1.0.0", to: "3.0.0" }],
    failed: [],
  });
});

test("1,000 requests for one model that is not loaded: one load", async () => {
  await using at = await place();
  await at.add("acme/linear", "1", LINEAR);
  const { models } = at.larder.library;
  const answers = await Promise.all(
    Array.from(
      { length: 1000 },
      (_, index) => models.predict({ model: "acme/linear", inputs: [[index, 0, 0, 0]] }),
    ),
  );
  expect(
    answers.every(({ outputs }, index) =>
      (outputs["y"] as { data: number[][] }).data[0]?.[0] === index + 0.5
    ),
  )
    .toBe(true);
  expect(models.cacheStats().total_loads).toBe(1);
});

test("a tiny llama completes, the same for the same seed, and embeds", async () => {
  await using at = await place();
  await at.add("acme/llama", "1", { "llama.gguf": tinyLlama() });
  const { models } = at.larder.library;
  const pieces: string[] = [];
  const run = { prompt: "the", maxTokens: 8, seed: 7, temperature: 0.8 };
  const first = await models.generate({ model: "acme/llama" }, run, { onText: (text) => pieces.push(text) });
  expect(first.completionTokens).toBeGreaterThan(0);
  expect(pieces.join("")).toBe(first.text);
  expect((await models.generate({ model: "acme/llama" }, run)).text).toBe(first.text);
  const chat = await models.generate({ model: "acme/llama" }, {
    prompt: [{ role: "user", content: "hello" }],
    maxTokens: 4,
    seed: 1,
  });
  expect(chat.promptTokens).toBeGreaterThan(0);
  const { embedding } = await models.embed({ model: "acme/llama" }, "hello");
  expect(embedding.length).toBeGreaterThan(1);
});

test("when latest moves nobody waits: the version before answers until the new one is loaded", async () => {
  await using at = await place();
  await at.add("acme/linear", "1.0.0", LINEAR);
  const { models } = at.larder.library;
  await models.predict({ model: "acme/linear", inputs: [[0, 0, 0, 0]] });
  const loads: number[] = [];
  const versions = new Set<string>();
  const added = at.add("acme/linear", "1.1.0", LINEAR);
  while (!versions.has("1.1.0")) {
    const { version, timing_ms } = await models.predict({ model: "acme/linear", inputs: [[0, 0, 0, 0]] });
    versions.add(version);
    loads.push(timing_ms.load);
  }
  await added;
  expect([...versions]).toEqual(["1.0.0", "1.1.0"]);
  expect(Math.max(...loads)).toBe(0);
});

test("an alias that moves, also back, is followed, and what another name stands for stays", async () => {
  await using at = await place();
  const { library } = at.larder;
  const { models } = library;
  for (const version of ["1.0.0", "1.1.0"]) await at.add("acme/linear", version, LINEAR);
  await library.setAlias("acme/linear", "live", "1.0.0");
  const ask = (version?: string) =>
    models.predict({ model: "acme/linear", ...(version && { version }), inputs: [[0, 0, 0, 0]] });
  const loaded = () => models.cacheStats().cached_models.map(({ version }) => version).toSorted();
  expect((await ask("live")).version).toBe("1.0.0");
  for (const to of ["1.1.0", "1.0.0", "1.1.0"]) {
    await library.setAlias("acme/linear", "live", to);
    for (let version = ""; version !== to;) {
      const answer = await ask("live");
      ({ version } = answer);
      expect(answer.timing_ms.load).toBe(0);
    }
    expect(loaded()).toEqual([to]);
  }
  expect((await ask()).version).toBe("1.1.0");
  await library.setAlias("acme/linear", "live", "1.0.0");
  await waitUntil(() => loaded().length === 2);
  expect(loaded()).toEqual(["1.0.0", "1.1.0"]);
});

test("reload: what an alias stands for is not changed for latest", async () => {
  await using at = await place();
  const { library } = at.larder;
  for (const version of ["1.0.0", "1.1.0"]) await at.add("acme/linear", version, LINEAR);
  await library.setAlias("acme/linear", "live", "1.0.0");
  await library.models.predict({ model: "acme/linear", version: "live", inputs: [[0, 0, 0, 0]] });
  expect(await library.models.reload({ model: "acme/linear" })).toMatchObject({
    reloaded: [{ from: "1.0.0", to: "1.0.0" }],
  });
});

test("what is removed is gone by name at once, and leaves the memory", async () => {
  await using at = await place();
  await at.add("acme/linear", "1.0.0", LINEAR);
  await at.add("acme/linear", "2.0.0", LINEAR);
  const { models } = at.larder.library;
  expect((await models.predict({ model: "acme/linear", inputs: [[0, 0, 0, 0]] })).version).toBe("2.0.0");
  await at.larder.library.remove("acme/linear@2.0.0");
  expect((await models.predict({ model: "acme/linear", inputs: [[0, 0, 0, 0]] })).version).toBe("1.0.0");
  expect(models.cacheStats().cached_models.map(({ version }) => version)).toEqual(["1.0.0"]);
});

test("a name that nobody knows is not found, also when the hub cannot be asked", async () => {
  await using at = await place();
  const error = await at.larder.library.models.predict({ model: "acme/none", inputs: [[1]] })
    .catch((failure: unknown) => failure);
  expect(error).toMatchObject({ code: "MODEL_NOT_FOUND", details: { hub: "UPSTREAM_UNREACHABLE" } });
});
