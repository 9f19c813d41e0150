import { expect, test } from "bun:test";
import { LarderError, LocalEvents, systemClock } from "../../../src/core/index.ts";
import { Activity } from "../../../src/library/models/activity.ts";
import { Jobs } from "../../../src/library/jobs.ts";
import type { OptionValues, TuneRequest, TuneResult } from "../../../src/library/index.ts";
import { dimensionsOf } from "../../../src/library/options/tune-dimensions.ts";
import { CANDIDATES_MAX, searchBest } from "../../../src/library/options/tune-search.ts";
import { Tuner } from "../../../src/library/options/tuner.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";
import { linearOnnx } from "../../helpers/onnx-files.ts";
import { tinyLlama } from "../../helpers/tiny-llama.ts";
import { type Files, place } from "../models/place.ts";

const LINEAR: Files = { "model.onnx": linearOnnx() };
const KEY = { model: "acme/m", version: "1", variant: "default" };
const METADATA = {
  runtime: "onnx",
  architecture: null,
  parameters: null,
  contextLength: null,
  quantization: null,
  inputs: [{ name: "x", dtype: "float32", shape: ["batch", 4] }],
  outputs: [],
  weightBytes: 1,
} as const;

/** Milliseconds that a run takes with these options. */
type Cost = (options: OptionValues, run: number) => number;

interface Bench {
  readonly clock: FakeClock;
  readonly activity: Activity;
  readonly kept: unknown[];
  /** Of the candidates that were loaded, in order. */
  readonly loads: OptionValues[];
  readonly reserved: number[];
  alive: number;
  /** Whether the model that is tuned is still in the cache. */
  isLoaded: boolean;
  tune(request?: Partial<TuneRequest>): Promise<TuneResult>;
}

/** A tuner over models that take the time that a test says, by a clock that only they move. */
function bench(present: OptionValues, cost: Cost, bytesMax = 1000): Bench {
  const clock = new FakeClock();
  const activity = new Activity();
  const jobs = new Jobs(systemClock, new LocalEvents());
  const [kept, loads, reserved]: [unknown[], OptionValues[], number[]] = [[], [], []];
  const modelOf = (options: OptionValues) => {
    let runs = 0;
    const run = () => clock.advance(cost(options, runs++));
    const loadedWith = { isolation: "thread" as const, runtime: options };
    return { runtime: { run } as never, metadata: METADATA, loadedWith };
  };
  const lease = { key: KEY, model: modelOf(present), release() {}, [Symbol.dispose]() {} };
  const it: Bench = {
    ...{ clock, activity, kept, loads, reserved },
    alive: 0,
    isLoaded: true,
    tune: async (request = {}) => {
      const { id } = tuner.start({ model: "acme/m", ...request });
      let last = jobs.get(id);
      for await (last of jobs.watch(id));
      if (last.error !== null) throw LarderError.fromRecord(last.error);
      return last.result as TuneResult;
    },
  };
  const tuner = new Tuner({
    options: { set: async (...asked) => void kept.push(asked) as never },
    jobs,
    loader: {
      load: async (_key, _signal, wanted) => {
        const options = wanted?.runtime as OptionValues;
        loads.push(options);
        it.alive++;
        return { model: modelOf(options), bytes: 100, dispose: async () => void it.alive-- };
      },
    },
    acquire: () => ({ lease, by: KEY, loadMs: 0, [Symbol.dispose]() {} }),
    check: () => {},
    stats: () => ({
      bytes: 100,
      bytes_max: bytesMax,
      cached_models: it.isLoaded ? [{ ...KEY, bytes: 100 } as never] : [],
    }),
    reserve: (bytes) => {
      reserved.push(bytes);
      return () => void reserved.push(-bytes);
    },
    activity,
    clock,
  });
  return it;
}

test("the best of each option is kept for the next, measured twice, and set for the variant", async () => {
  const it = bench(
    { threads: 64 },
    ({ threads, graph_optimization, spin }) =>
      10 * (threads === 1 ? 0.5 : 1) * (graph_optimization === "extended" ? 0.8 : 1) * (spin ? 1.5 : 1),
  );
  const result = await it.tune();
  const best = { threads: 1, graph_optimization: "extended" };
  expect(result).toMatchObject({
    ...KEY,
    ...{ runtime: "onnx", present: { threads: 64 }, chosen: best, gain: 0.6, kept: true },
  });
  expect(result.candidates.at(-1)).toEqual({
    ...{ options: best, runs: 15, faster: 15, p50_ms: 4, present_p50_ms: 10, gain: 0.6, confirms: true },
  });
  expect(it.kept).toEqual([[{ model: "acme/m", variant: "default" }, best]]);
  expect(result.candidates.length).toBe(it.loads.length);
  expect([it.alive, it.reserved]).toEqual([0, [100, -100]]);
});

test("what saves less than a twentieth is not kept, nor what only seemed to save more", async () => {
  const less = await bench({}, ({ spin }) => spin ? 9.6 : 10).tune();
  expect(less).toMatchObject({ chosen: {}, gain: 0, kept: false });
  let loads = 0;
  const lucky = bench({}, ({ spin }, run) => {
    if (spin === true && run === 0) loads++;
    return spin === true && loads === 1 ? 5 : 10;
  });
  const result = await lucky.tune();
  expect(result.candidates.map(({ gain }) => gain)).toContain(0.5);
  expect(result.candidates.at(-1)).toMatchObject({ confirms: true, gain: 0 });
  expect([result.kept, lucky.kept]).toEqual([false, []]);
});

test("what is faster in two of three runs only is not kept, whatever the median says", async () => {
  let runs = 0;
  const it = bench({}, ({ spin }) => {
    // Of fifteen pairs ten are much faster, and five slower.
    const pair = Math.floor(runs++ / 2);
    return spin === true ? (pair % 3 === 0 ? 11 : 2) : 10;
  });
  const result = await it.tune();
  const spinning = result.candidates.filter(({ options }) => options["spin"] === true);
  expect(spinning.map(({ gain, faster }) => [gain, faster])).toEqual(spinning.map(() => [0.8, 10]));
  expect(result.candidates.at(-1)).toMatchObject({ options: { spin: true }, confirms: true });
  expect(result.kept).toBe(false);
});

test("keep: false only tells", async () => {
  const it = bench({}, ({ spin }) => spin ? 5 : 10);
  expect(await it.tune({ keep: false })).toMatchObject({ chosen: { spin: true }, kept: false });
  expect(it.kept).toEqual([]);
});

test("a machine that becomes slower changes nothing: both are measured in turns", async () => {
  let runs = 0;
  const result = await bench({}, () => 10 + runs++).tune();
  expect(result.kept).toBe(false);
  for (const { gain } of result.candidates) expect(Math.abs(gain ?? 1)).toBeLessThan(0.05);
});

test("a pair of runs that a request came into is no measurement", async () => {
  let runs = 0;
  const it = bench({}, ({ spin }) => {
    if (Math.floor(runs++ / 2) % 2 === 0) return spin ? 5 : 10;
    it.activity.begin()[Symbol.dispose]();
    return 1000;
  });
  const result = await it.tune({ runs: 5, seconds_max: 3600 });
  expect(result).toMatchObject({ chosen: { spin: true }, gain: 0.5 });
  expect(result.candidates.every(({ p50_ms }) => p50_ms !== null && p50_ms <= 10)).toBe(true);
});

test("requests that never end leave nothing to measure, and the time is bounded", async () => {
  const it = bench({}, () => 1);
  using _call = it.activity.begin();
  const tuned = it.tune({ seconds_max: 12 });
  let result: TuneResult | undefined;
  void tuned.then((done) => {
    result = done;
  });
  while (result === undefined) await it.clock.advance(100);
  expect(result).toMatchObject({
    chosen: {},
    kept: false,
    reason: "nothing could be measured beside the requests",
  });
  expect(it.loads).toEqual([]);
  expect(it.clock.monotonicMs()).toBeLessThan(13_000);
});

test("no new setting is begun after seconds_max", async () => {
  const it = bench({}, () => 1000);
  const result = await it.tune({ runs: 3, seconds_max: 24 });
  // A warm-up and three runs, of both: eight seconds each.
  expect(result.candidates.map(({ runs }) => runs)).toEqual([3, 3, 3]);
  expect(it.clock.monotonicMs()).toBeLessThan(30_000);
});

test("a setting that is hopeless is soon done with, and so is a model that is unloaded", async () => {
  const it = bench({}, ({ threads, spin }) => {
    if (spin) it.isLoaded = false;
    return threads === 1 ? 9000 : 10;
  });
  const { candidates } = await it.tune();
  const one = candidates.find(({ options }) => options["threads"] === 1);
  expect(one).toMatchObject({ runs: 1, p50_ms: 9000, present_p50_ms: 10 });
  expect(candidates.at(-1)?.options).toEqual({ spin: true });
  expect(it.clock.monotonicMs()).toBeLessThan(25_000);
});

test("without room for a second copy it is refused, and nothing is loaded", async () => {
  const it = bench({}, () => 1, 199);
  const error = await it.tune().catch((failure: unknown) => failure);
  expect(error).toMatchObject({ code: "NO_MEMORY", details: { bytes_needed: 100, bytes_free: 99 } });
  expect([it.loads, it.reserved]).toEqual([[], []]);
});

test("a setting that cannot be run is told of, and the search goes on", async () => {
  const it = bench({}, ({ memory_arena, spin }) => {
    if (spin) throw new LarderError("NO_MEMORY", "Cannot run");
    return memory_arena === false ? 5 : 10;
  });
  const { candidates, chosen } = await it.tune();
  expect(candidates.find(({ options }) => options["spin"])).toMatchObject({
    ...{ p50_ms: null, error: { code: "NO_MEMORY" } },
  });
  expect(chosen).toEqual({ memory_arena: false });
  expect(it.alive).toBe(0);
});

test("the search measures at most as many settings as it says", async () => {
  const values = Array.from({ length: 20 }, (_, at) => at);
  let measured = 0;
  const best = await searchBest({}, [{ name: "a", values }, { name: "b", values }], (options) => {
    measured++;
    return Promise.resolve({ ratio: 0.9 - Number(options["a"]) / 100, faster: 1 });
  }, () => false);
  expect([measured, best?.options]).toEqual([CANDIDATES_MAX, { a: 10 }]);
});

test("what is varied: threads up to the cores, and what the runtime has", () => {
  const of = (runtime: "onnx" | "gguf" | "mapped", cores: number, contextLength: number | null = null) =>
    Object.fromEntries(
      dimensionsOf({ runtime, contextLength }, cores).map(({ name, values }) => [name, values]),
    );
  expect(of("onnx", 8)["threads"]).toEqual([8, 7, 4, 1]);
  expect(of("onnx", 2)["threads"]).toEqual([2, 1]);
  expect(of("onnx", 1)["threads"]).toEqual([1]);
  expect(Object.keys(of("onnx", 2))).toEqual(["threads", "graph_optimization", "spin", "memory_arena"]);
  expect(of("gguf", 4, 256)).toEqual({ threads: [4, 3, 2, 1], batch_size: [64, 128] });
  expect(of("mapped", 4)).toEqual({});
  const embeds = { runtime: "gguf", contextLength: 512, tasks: ["embedding"] } as const;
  expect(dimensionsOf(embeds, 2)).toEqual([{ name: "threads", values: [2, 1] }]);
});

test(
  "real models: tune ends with a choice while requests are answered, and wrong probes are named",
  async () => {
    await using at = await place();
    await at.add("acme/linear", "1", LINEAR);
    await at.add("acme/llama", "1", { "llama.gguf": tinyLlama({ contextLength: 128 }) });
    const { library } = at.larder;
    const run = async (request: TuneRequest) => {
      const { id } = await library.options.tune(request);
      let last = await library.getJob(id);
      for await (last of library.watchJob(id));
      return last;
    };
    let isOver = false;
    const tuning = run({ model: "acme/linear", runs: 5, seconds_max: 30 }).finally(() => {
      isOver = true;
    });
    let answers = 0;
    while (!isOver) {
      const { outputs } = await library.models.predict({ model: "acme/linear", inputs: [[1, 0, 0, 0]] });
      expect(outputs["y"]).toMatchObject({ data: [[1.5, -2.25, 2.5]] });
      answers++;
      await Bun.sleep(20);
    }
    expect(answers).toBeGreaterThan(1);
    const tuned = await tuning;
    expect(tuned).toMatchObject({ kind: "tune", state: "done", error: null });
    const { candidates, chosen, kept, present } = tuned.result as TuneResult;
    expect(present).toEqual({});
    expect(candidates.length).toBeWithin(4, CANDIDATES_MAX + 1);
    expect(candidates.filter(({ p50_ms }) => p50_ms !== null && p50_ms > 0).length).toBeGreaterThan(0);
    expect((await library.options.find({ model: "acme/linear", variant: "default" })).options).toEqual(
      kept ? chosen : {},
    );
    expect(library.models.cacheStats().cache_size).toBe(1);
    const llama = await run({ model: "acme/llama", runs: 3, keep: false });
    expect(llama).toMatchObject({ state: "done", result: { runtime: "gguf", kept: false } });
    const wrong = await run({ model: "acme/llama", probe: [[1]] });
    expect(wrong).toMatchObject({ state: "failed", error: { code: "BAD_INPUT", field: "probe" } });
    expect(await run({ model: "acme/linear", probe: [[1, 2]] })).toMatchObject({
      error: { code: "BAD_INPUT", field: "inputs.x" },
    });
    await expect(library.options.tune({ model: "acme/none" })).rejects.toMatchObject({
      code: "MODEL_NOT_FOUND",
    });
  },
  60_000,
);
