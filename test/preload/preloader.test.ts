import { expect, test } from "bun:test";
import { tempFolder } from "../helpers/temp-folder.ts";
import { waitUntil } from "../helpers/wait.ts";
import { addModel, preloading } from "./preloading.ts";

const NONE = { total_preloaded: 0, successful: 0, failed: 0, skipped: 0, total_time_ms: 0 };
/** Each model's first load starts a process. */
const TIMEOUT_MS = 60_000;
const ROWS = [[5.1, 3.5, 1.4, 0.2]];

test("a queue is worked through by itself, and what is loaded so does not count as used", async () => {
  await using it = await preloading(["a", "b"], { models: { cache: { countMax: 5 } } });
  const { preload, larder } = it;
  expect(await preload.stats()).toEqual({ ...NONE, success_rate: 0, avg_time_ms: 0 });
  preload.start();
  expect(await preload.add([{ model: "b" }, { model: "a", version: "1" }])).toEqual(["b", "a@1"]);
  await waitUntil(async () => (await preload.list()).queue.length === 0);
  expect(it.loaded()).toEqual(["b@1:default", "a@1:default"]);
  const stats = await preload.stats();
  expect(stats).toMatchObject({ total_preloaded: 2, successful: 2, failed: 0, skipped: 0, success_rate: 1 });
  expect(stats.avg_time_ms).toBe(stats.total_time_ms / 2);
  expect(stats.total_time_ms).toBeGreaterThan(0);
  expect(larder.library.models.cacheStats()).toMatchObject({
    ...{ hits: 0, misses: 0, hit_rate: 0 },
    cached_models: [{ uses: 0, leases: 0 }, { uses: 0, leases: 0 }],
  });
  const answer = await larder.library.models.predict({ model: "a", inputs: ROWS });
  expect(answer.timing_ms.load).toBe(0);
  expect(larder.library.models.cacheStats()).toMatchObject({ hits: 1, misses: 0 });
}, TIMEOUT_MS);

test(
  "nothing is evicted for it: what does not fit is skipped, told once, and loaded when there is room",
  async () => {
    await using it = await preloading(["a", "b", "c"], { models: { cache: { countMax: 2 } } });
    const { preload, larder } = it;
    await preload.add([{ model: "a" }, { model: "b" }, { model: "c" }]);
    const results = await preload.process();
    expect(results).toMatchObject([
      { reference: "a", outcome: "loaded", reason: null },
      { reference: "b", outcome: "loaded", reason: null },
      { reference: "c", outcome: "skipped", load_ms: null },
    ]);
    expect(results[2]?.reason).toStartWith("does not fit: ");
    await preload.process();
    expect(it.loaded()).toEqual(["a@1:default", "b@1:default"]);
    expect((await preload.list()).queue).toMatchObject([{ reference: "c", state: "skipped" }]);
    expect(await preload.stats()).toMatchObject({
      total_preloaded: 2,
      successful: 2,
      skipped: 1,
      success_rate: 1,
    });
    await larder.library.models.unload({ model: "a" });
    expect(await preload.process()).toMatchObject([{ reference: "c", outcome: "loaded" }]);
    expect(it.loaded()).toEqual(["b@1:default", "c@1:default"]);
  },
  TIMEOUT_MS,
);

test(
  "what fails leaves the queue with its reason; what is refused, loaded or not here is skipped",
  async () => {
    await using it = await preloading(["good"], {
      models: { cache: { countMax: 5, failureBackoff: { baseMs: 600_000, maxMs: 600_000 } } },
    });
    const { preload, larder } = it;
    await addModel(larder, "broken", Buffer.from("no model at all"));
    await addModel(larder, "refused", Buffer.from("nor is this one"));
    await expect(larder.library.models.load({ model: "refused" })).rejects.toMatchObject({
      code: "MODEL_BROKEN",
    });
    await larder.library.models.load({ model: "good" });
    await preload.add(["broken", "refused", "good", "absent"].map((model) => ({ model })));
    const results = await preload.process();
    expect(results.map(({ reference, outcome }) => [reference, outcome])).toEqual([
      ["broken", "failed"],
      ["refused", "skipped"],
      ["good", "skipped"],
      ["absent", "skipped"],
    ]);
    expect(results[0]?.reason).toContain("model.onnx");
    expect(results[1]?.reason).toStartWith("failed before, and is refused for a while: ");
    expect(results.slice(2).map(({ reason }) => reason)).toEqual(["is loaded", "is not here"]);
    expect(await preload.stats()).toMatchObject({
      total_preloaded: 1,
      successful: 0,
      failed: 1,
      skipped: 3,
      success_rate: 0,
    });
    const { queue } = await preload.list();
    expect(queue.map(({ reference, skipped }) => [reference, skipped?.slice(0, 13)])).toEqual([
      ["refused", "failed before"],
      ["absent", "is not here"],
    ]);
  },
  TIMEOUT_MS,
);

test("it stands back while requests wait, and goes on when they do not any more", async () => {
  const pressure = { memory: 0, processor: 1 };
  await using it = await preloading(["a"], {}, { pressure: () => pressure });
  const { preload } = it;
  preload.start();
  await preload.add([{ model: "a" }]);
  await waitUntil(async () => (await preload.list()).state === "yielding");
  expect(it.loaded()).toEqual([]);
  Object.assign(pressure, { memory: 1, processor: 0 });
  await Bun.sleep(120);
  expect([(await preload.list()).state, it.loaded()]).toEqual(["yielding", []]);
  pressure.memory = 0;
  await waitUntil(() => it.loaded().length === 1);
}, TIMEOUT_MS);

test(
  "calls that wait for their turn at a model, and callers that wait for a load, are pressure",
  async () => {
    await using it = await preloading(["a", "b"]);
    const { models, preloading: support } = it.larder.library;
    await models.load({ model: "a" });
    expect(support.pressure()).toEqual({ memory: 0, processor: 0 });
    const calls = Array.from({ length: 5 }, () => models.predict({ model: "a", inputs: ROWS }));
    const load = models.load({ model: "b" });
    expect(support.pressure()).toEqual({ memory: 1, processor: 4 });
    await Promise.all([...calls, load]);
    expect(support.pressure()).toEqual({ memory: 0, processor: 0 });
    const preload = models.load({ model: "b", version: "1" }, { isPreload: true });
    expect(support.pressure().memory).toBe(0);
    await preload;
  },
  TIMEOUT_MS,
);

test("while it is not enabled nothing is loaded, except at once when somebody says so", async () => {
  await using it = await preloading(["a", "b"]);
  const { preload } = it;
  expect(await preload.configure({ enabled: false })).toMatchObject({ enabled: false });
  preload.start();
  await preload.add([{ model: "a" }]);
  await Bun.sleep(50);
  expect([(await preload.list()).state, it.loaded()]).toEqual(["off", []]);
  expect(await preload.process()).toMatchObject([{ outcome: "loaded" }]);
  await preload.add([{ model: "b" }]);
  await preload.configure({ enabled: true });
  await waitUntil(() => it.loaded().length === 2);
}, TIMEOUT_MS);

test("the list shows what a user and the strategy make of it", async () => {
  await using it = await preloading(["a", "b"]);
  const { preload } = it;
  await preload.add([{ model: "a" }, { model: "b" }, { model: "b", variant: "default", priority: 7 }]);
  const { queue, state, config } = await preload.list();
  expect([state, config]).toEqual([
    "idle",
    { enabled: true, strategy: "sequential", batch_size: 1, delay_ms: 0 },
  ]);
  expect(queue.map(({ reference, user_priority, reason }) => [reference, user_priority, reason])).toEqual([
    ["b:default", 7, "was added as number 3 of 3"],
    ["a", 0, "was added as number 1 of 3"],
    ["b", 0, "was added as number 2 of 3"],
  ]);
  expect(queue.map(({ priority }) => priority)).toEqual([7.25, 0.75, 0.5]);
  await preload.add([{ model: "b", priority: 9 }]);
  expect((await preload.list()).queue[0]).toMatchObject({ reference: "b", priority: 9.5 });
  expect([await preload.remove("b"), await preload.remove("b"), await preload.remove()]).toEqual([1, 0, 2]);
}, TIMEOUT_MS);

test("queue, configuration and statistics survive a restart", async () => {
  await using folder = await tempFolder();
  {
    await using it = await preloading(["a"], { home: folder.path });
    await it.preload.configure({ strategy: "size", batch_size: 2, delay_ms: 5 });
    await it.preload.add([{ model: "a" }]);
    await it.preload.process();
    await it.preload.add([{ model: "later", priority: 3 }]);
  }
  await using it = await preloading([], { home: folder.path });
  expect(await it.preload.list()).toMatchObject({
    config: { strategy: "size", batch_size: 2, delay_ms: 0 },
    queue: [{ reference: "later", user_priority: 3, reason: "has no known size" }],
  });
  expect(await it.preload.stats()).toMatchObject({ total_preloaded: 1, successful: 1, success_rate: 1 });
}, TIMEOUT_MS);

test("with pattern, what is likely to be used is loaded without anybody having queued it", async () => {
  await using it = await preloading(["often", "rare"], { models: { cache: { countMax: 5 } } });
  const { larder, preload } = it;
  const hours = Array.from(
    { length: 168 },
    (_, hour) => ({ model: "often", variant: "default", hour, count: 9 }),
  );
  await larder.registry.recordUses({ variants: [], hours, follows: [] });
  await preload.configure({ strategy: "pattern" });
  expect((await preload.list()).queue).toMatchObject([{ reference: "often:default", origin: "pattern" }]);
  preload.start();
  await waitUntil(() => it.loaded().length === 1);
  expect(it.loaded()).toEqual(["often@1:default"]);
  // Nobody used it: it does not come back within the hour.
  await larder.library.models.unload({ model: "often" });
  expect([await preload.process(), (await preload.list()).queue]).toEqual([[], []]);
}, TIMEOUT_MS);

test.each([
  [{ priority: 1.5 }, "priority"],
  [{ model: "../etc" }, "model"],
  [{ version: "a b" }, "version"],
  [{ variant: "" }, "variant"],
])("%j is refused naming the field", async (wrong, field) => {
  await using it = await preloading([]);
  await expect(it.preload.add([{ model: "a", ...wrong }])).rejects.toMatchObject({ field });
  expect((await it.preload.list()).queue).toEqual([]);
});
