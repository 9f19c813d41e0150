import { expect, test } from "bun:test";
import { codeOf, key, setUp } from "./fake-models.ts";

const [A, B, C] = ["A", "B", "C"].map((name) => key(name)) as [
  ReturnType<typeof key>,
  ReturnType<typeof key>,
  ReturnType<typeof key>,
];
const PRELOAD = { isPreload: true, deadlineMs: Infinity };

test("a preload counts neither as asked for nor as used", async () => {
  const { cache, models } = setUp();
  (await cache.acquire(A, PRELOAD)).release();
  (await cache.acquire(A, PRELOAD)).release();
  expect(models.begun).toEqual(["A@1"]);
  expect(cache.stats()).toMatchObject({ hits: 0, misses: 0, cached_models: [{ uses: 0, leases: 0 }] });
  cache.tryAcquire(A)?.release();
  expect(cache.stats()).toMatchObject({ hits: 1, misses: 0, cached_models: [{ uses: 1 }] });
});

test("a preload evicts nothing, by number or by bytes, whether the others are in use or not", async () => {
  const { cache, models, use, evicted } = setUp({ countMax: 2, bytesMax: () => 25 });
  await use("A");
  models.bytes.set("B", 16);
  expect(await codeOf(cache.acquire(B, PRELOAD))).toBe("CACHE_FULL");
  using _lease = cache.tryAcquire(A);
  expect(await codeOf(cache.acquire(B, PRELOAD))).toBe("CACHE_FULL");
  await use("C");
  models.bytes.set("D", 1);
  expect(await codeOf(cache.acquire(key("D"), PRELOAD))).toBe("CACHE_FULL");
  expect([evicted(), models.begun]).toEqual([[], ["A@1", "C@1"]]);
});

test("a preload that turns out larger than the room is given back, and is no failure of the model", async () => {
  const { cache, models, use, evicted } = setUp({ countMax: 5, bytesMax: () => 100 });
  models.estimates.set("B", 10);
  models.bytes.set("A", 40).set("B", 70);
  await use("A");
  expect(await codeOf(cache.acquire(B, PRELOAD))).toBe("CACHE_FULL");
  expect([models.disposals, evicted(), cache.stats().failed_models]).toEqual([1, [], []]);
  // Whoever needs it gets it.
  await use("B");
  expect(cache.stats().cached_models).toMatchObject([{ model: "B" }]);
});

test("a preload gives way to a load that needs its room", async () => {
  const { cache, models, evicted, use } = setUp({ countMax: 2 });
  await use("A");
  models.holdsLoads = true;
  const preload = codeOf(cache.acquire(B, PRELOAD));
  await models.settle();
  const needed = cache.acquire(C);
  expect(await preload).toBe("CANCELLED");
  expect(models.begun).toEqual(["A@1", "B@1"]);
  // Its memory is its own until its load has ended.
  await models.finish("B@1");
  await models.finish("C@1");
  (await needed).release();
  expect([evicted(), models.disposals]).toEqual([[], 1]);
  expect(cache.stats().cached_models.map(({ model }) => model)).toEqual(["A", "C"]);
});

test("a preload gives way to a load that needs its slot, and goes on for whoever needs it itself", async () => {
  const { cache, models } = setUp({ countMax: 5, loadsAtOnce: 1 });
  models.holdsLoads = true;
  const first = codeOf(cache.acquire(A, PRELOAD));
  await models.settle();
  const needed = cache.acquire(B);
  expect(await first).toBe("CANCELLED");
  await models.finish("A@1");
  await models.finish("B@1");
  (await needed).release();
  const second = cache.acquire(A, PRELOAD);
  await models.settle();
  const joined = cache.acquire(A);
  const other = cache.acquire(C);
  expect(cache.waiting).toBe(2);
  await models.finish("A@1");
  (await joined).release();
  (await second).release();
  await models.finish("C@1");
  (await other).release();
  expect(models.begun).toEqual(["A@1", "B@1", "A@1", "C@1"]);
});

test("whoever needs a model comes before all preloads that wait", async () => {
  const { cache, models } = setUp({ countMax: 5, loadsAtOnce: 1 });
  models.holdsLoads = true;
  const running = cache.acquire(A);
  const preload = cache.acquire(B, PRELOAD);
  await models.settle();
  const needed = cache.acquire(C);
  await models.settle();
  expect(cache.waiting).toBe(2);
  for (const name of ["A@1", "C@1", "B@1"]) await models.finish(name);
  for (const lease of await Promise.all([running, preload, needed])) lease.release();
  expect(models.begun).toEqual(["A@1", "C@1", "B@1"]);
});
