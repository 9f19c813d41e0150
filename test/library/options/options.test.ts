import { expect, test } from "bun:test";
import { linearOnnx, treeOnnx } from "../../helpers/onnx-files.ts";
import { tinySafetensors } from "../../helpers/model-files.ts";
import { tinyLlama } from "../../helpers/tiny-llama.ts";
import { type Files, place } from "../models/place.ts";

const LINEAR: Files = { "model.onnx": linearOnnx() };
const LLAMA: Files = { "llama.gguf": tinyLlama({ contextLength: 256 }) };
const TIMEOUT_MS = 60_000;
const ROW = [[0, 0, 0, 0]];
/** A token or more for each letter. */
const PROMPT = { prompt: "a b c d e f g h i j k l m n o p q r s t", maxTokens: 2, seed: 1 };

const failureOf = (promise: Promise<unknown>) => promise.then(() => "none", (error: unknown) => error);

test("what is set is shown, goes over what the model has, and is taken back with null", async () => {
  await using at = await place();
  await at.add("acme/linear", "1", LINEAR);
  const { options } = at.larder.library;
  const model = { model: "acme/linear" };
  const variant = { ...model, variant: "default" };
  expect(await options.find(model)).toMatchObject({ variant: null, options: {}, in_force: {} });
  expect(await options.set(model, { threads: 1, keep_alive_s: 60 })).toMatchObject({
    options: { threads: 1, keep_alive_s: 60 },
    applied: "at the next load",
  });
  await options.set(variant, { threads: 2, budget_weight: 3 });
  expect(await options.find(variant)).toMatchObject({
    variant: "default",
    options: { threads: 2, budget_weight: 3 },
    in_force: { threads: 2, keep_alive_s: 60, budget_weight: 3 },
  });
  expect((await options.set(variant, { threads: null, pinned: true })).in_force).toEqual({
    ...{ threads: 1, keep_alive_s: 60, budget_weight: 3, pinned: true },
  });
  expect((await options.remove(variant)).in_force).toEqual({ threads: 1, keep_alive_s: 60 });
  expect((await options.remove(model)).in_force).toEqual({});
  expect(at.larder.registry.findOptions("acme/linear")).toEqual([]);
}, TIMEOUT_MS);

test("options are checked against the model's runtime, by name and by value", async () => {
  await using at = await place();
  await at.add("acme/linear", "1", LINEAR);
  await at.add("acme/llama", "1", LLAMA);
  await at.add("acme/mapped", "1", { "model.safetensors": tinySafetensors() });
  const { options } = at.larder.library;
  const set = (model: string, changes: Record<string, string | number | boolean>) =>
    failureOf(options.set({ model }, changes));
  const unknown = await set("acme/linear", { context_length: 64 });
  expect(unknown).toMatchObject({ code: "BAD_INPUT", field: "context_length" });
  expect((unknown as { hint: string }).hint).toContain("graph_optimization");
  expect(await set("acme/linear", { threads: 0 })).toMatchObject({ code: "BAD_INPUT", field: "threads" });
  expect(await set("acme/llama", { spin: true })).toMatchObject({ code: "BAD_INPUT", field: "spin" });
  expect(await set("acme/llama", { gpu_layers: 8 })).toMatchObject({
    code: "NOT_SUPPORTED",
    field: "gpu_layers",
  });
  expect(await set("acme/llama", { gpu_layers: 0, mmap: false })).toBe("none");
  expect(await set("acme/mapped", { threads: 1 })).toMatchObject({ code: "BAD_INPUT", field: "threads" });
  expect(await set("acme/mapped", { budget_weight: 10 })).toBe("none");
  for (
    const wrong of [{ budget_weight: 11 }, { keep_alive_s: -1 }, { isolation: "box" }, { pinned: 1 }] as const
  ) {
    expect(await set("acme/linear", wrong)).toMatchObject({
      code: "BAD_INPUT",
      field: Object.keys(wrong)[0],
    });
  }
  expect(await set("acme/none", { threads: 1 })).toMatchObject({ code: "MODEL_NOT_FOUND" });
  const version = failureOf(options.set({ model: "acme/linear", version: "1" } as { model: string }, {}));
  expect(await version).toMatchObject({ code: "BAD_REFERENCE", field: "version" });
  expect((await options.find({ model: "acme/linear" })).options).toEqual({});
}, TIMEOUT_MS);

test("context_length limits the prompt, at once or at the next load, and after a restart", async () => {
  await using at = await place();
  await at.add("acme/llama", "1", LLAMA);
  const model = { model: "acme/llama" };
  const ask = () => failureOf(at.larder.library.models.generate(model, PROMPT));
  expect(await ask()).toBe("none");
  const { options } = at.larder.library;
  expect(await options.set(model, { context_length: 8 }, { apply: false })).toMatchObject({
    applied: "at the next load",
  });
  expect(await ask()).toBe("none");
  expect(await options.set(model, { context_length: 16 })).toMatchObject({ applied: "now" });
  expect(at.larder.library.models.cacheStats().total_loads).toBe(2);
  expect(await ask()).toMatchObject({ code: "BAD_INPUT", field: "prompt" });
  const { library } = await at.restart();
  expect(await ask()).toMatchObject({ code: "BAD_INPUT", field: "prompt" });
  await library.options.remove(model);
  expect(await ask()).toBe("none");
}, TIMEOUT_MS);

test(
  "while a change is applied nobody waits and nobody fails; two changes at once are both kept",
  async () => {
    await using at = await place();
    await at.add("acme/linear", "1", LINEAR);
    const { options, models } = at.larder.library;
    const model = { model: "acme/linear" };
    await models.load(model);
    let isOver = false;
    const loads = new Set<number>();
    const client = (async () => {
      while (!isOver) {
        const { outputs, timing_ms } = await models.predict({ ...model, inputs: ROW });
        expect(outputs["y"]).toMatchObject({ data: [[0.5, -0.25, 2]] });
        loads.add(timing_ms.load);
      }
    })();
    await Promise.all([options.set(model, { threads: 1 }), options.set(model, { memory_arena: false })]);
    isOver = true;
    await client;
    expect([...loads]).toEqual([0]);
    expect((await options.find(model)).options).toEqual({ threads: 1, memory_arena: false });
    expect(models.cacheStats()).toMatchObject({ cache_size: 1, total_loads: 3 });
  },
  TIMEOUT_MS,
);

test("a change that a load fails with is not kept, and what is loaded goes on", async () => {
  await using at = await place({ models: { bytesMax: 64 * 2 ** 20 } });
  await at.add("acme/llama", "1", LLAMA);
  const model = { model: "acme/llama" };
  const { options, models } = at.larder.library;
  await options.set(model, { threads: 1 });
  await models.load(model);
  const error = await failureOf(options.set(model, { context_length: 2 ** 20 }));
  expect(error).toMatchObject({ code: "RELOAD_FAILED" });
  expect((await options.find(model)).options).toEqual({ threads: 1 });
  expect(await failureOf(models.generate(model, PROMPT))).toBe("none");
  expect(models.cacheStats().cached_models.length).toBe(1);
}, TIMEOUT_MS);

test("what concerns no load is in force at once and loads nothing again", async () => {
  await using at = await place();
  await at.add("acme/linear", "1", LINEAR);
  const { options, models } = at.larder.library;
  const model = { model: "acme/linear" };
  await models.predict({ ...model, inputs: ROW });
  const changed = await options.set(model, { keep_alive_s: 5, budget_weight: 2, pinned: true });
  expect(changed.applied).toBe("now");
  expect(await options.set(model, { isolation: "process" })).toMatchObject({ applied: "now" });
  expect(models.cacheStats().total_loads).toBe(2);
  expect(await options.set(model, { isolation: "process" })).toMatchObject({ applied: "now" });
  expect(models.cacheStats().total_loads).toBe(2);
}, TIMEOUT_MS);

test("options of a model whose variants are of several runtimes reach those that know them", async () => {
  await using at = await place();
  await at.add("acme/two", "1", LINEAR);
  const { options, models } = at.larder.library;
  await options.set({ model: "acme/two" }, { spin: true, threads: 1 });
  await at.add("acme/two", "2", LLAMA);
  const answer = await models.generate({ model: "acme/two" }, { prompt: "a", maxTokens: 1 });
  expect(answer.version).toBe("2");
}, TIMEOUT_MS);

test("budget_weight says who goes first", async () => {
  await using at = await place();
  for (const name of ["a", "b", "c"]) await at.add(`acme/${name}`, "1", LINEAR);
  const { options, models } = at.larder.library;
  for (const name of ["a", "b", "c"]) await models.load({ model: `acme/${name}` });
  const order = async () => (await models.explain()).order.map(({ key }) => key.slice(5, 6)).join("");
  expect(await order()).toBe("abc");
  await options.set({ model: "acme/a" }, { budget_weight: 5 });
  await options.set({ model: "acme/c" }, { budget_weight: 0.5 });
  expect(await order()).toBe("cba");
}, TIMEOUT_MS);

test("a pin survives a restart, follows its name, and loads nothing by itself", async () => {
  await using at = await place();
  await at.add("acme/linear", "1.0.0", LINEAR);
  await at.add("acme/other", "1.0.0", LINEAR);
  const pins = () => at.larder.library.models.cacheStats().pins;
  expect(await at.larder.library.models.setPinned({ model: "acme/linear" }, true)).toEqual({
    ...{ model: "acme/linear", version: "1.0.0", variant: "default" },
  });
  await at.larder.library.models.setPinned({ model: "acme/other", version: "1.0.0" }, true);
  expect(at.larder.registry.listPinned().map(({ model }) => model)).toEqual(["acme/linear", "acme/other"]);
  await at.restart();
  expect(pins()).toEqual(["acme/linear@1.0.0:default", "acme/other@1.0.0:default"]);
  expect(at.larder.library.models.cacheStats().total_loads).toBe(0);
  await at.add("acme/linear", "1.1.0", LINEAR);
  await at.add("acme/other", "1.1.0", LINEAR);
  expect(pins().toSorted()).toEqual(["acme/linear@1.1.0:default", "acme/other@1.0.0:default"]);
  await at.larder.library.models.setPinned({ model: "acme/linear" }, false);
  expect(pins()).toEqual(["acme/other@1.0.0:default"]);
  expect((await at.restart()).library.models.cacheStats().pins).toEqual(["acme/other@1.0.0:default"]);
  await at.larder.library.remove("acme/other");
  expect(pins()).toEqual([]);
  expect(at.larder.registry.listPinned()).toEqual([]);
}, TIMEOUT_MS);

test("a pin of all variants keeps each of them, and is taken back as a whole", async () => {
  await using at = await place();
  await at.add("acme/linear", "1", LINEAR);
  const { options, models } = at.larder.library;
  await models.load({ model: "acme/linear" });
  await options.set({ model: "acme/linear" }, { pinned: true, threads: 1 });
  expect(models.cacheStats().cached_models).toMatchObject([{ pinned: true }]);
  await at.add("acme/linear", "1", { "small.onnx": treeOnnx() }, "small");
  expect(models.cacheStats().pins).toEqual(["acme/linear@1:default", "acme/linear@1:small"]);
  expect((await options.find({ model: "acme/linear", variant: "default" })).in_force).toMatchObject({
    pinned: true,
  });
  await models.setPinned({ model: "acme/linear" }, false);
  expect(models.cacheStats().pins).toEqual([]);
  expect((await options.find({ model: "acme/linear" })).options).toEqual({ threads: 1 });
}, TIMEOUT_MS);
