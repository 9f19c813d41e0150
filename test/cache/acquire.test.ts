import { expect, test } from "bun:test";
import { isLarderError, LarderError } from "../../src/core/index.ts";
import { codeOf, id, key, setUp } from "./fake-models.ts";

const A = key("A");
const B = key("B");

test("a model is loaded at the first request and answered from memory afterwards", async () => {
  const { cache, models } = setUp();
  expect(models.begun).toEqual([]);
  expect(cache.tryAcquire(A)).toBeUndefined();
  using first = await cache.acquire(A);
  using second = cache.tryAcquire(A);
  expect(first.model.name).toBe("A@1");
  expect(second?.model).toBe(first.model);
  expect(second?.key).toEqual(A);
  expect(models.begun).toEqual(["A@1"]);
});

test("versions and variants are models of their own", async () => {
  const { cache } = setUp();
  using one = await cache.acquire(key("A", "1"));
  using two = await cache.acquire(key("A", "2"));
  expect([one.model.name, two.model.name]).toEqual(["A@1", "A@2"]);
  expect(cache.tryAcquire({ ...A, variant: "q4" })).toBeUndefined();
  expect(cache.stats().cache_size).toBe(2);
});

test("C14: 1,000 waiters make one load, and each gets a lease", async () => {
  const { cache, models } = setUp();
  models.holdsLoads = true;
  const waiting = Array.from({ length: 1000 }, () => cache.acquire(A));
  await models.settle();
  expect(cache.stats()).toMatchObject({ waiting: 1000, cache_size: 0 });
  await models.finish("A@1");
  const leases = await Promise.all(waiting);
  expect(models.begun).toEqual(["A@1"]);
  expect(cache.stats().cached_models[0]).toMatchObject({ leases: 1000, uses: 1000 });
  for (const lease of leases) lease.release();
  expect(cache.stats().cached_models[0]?.leases).toBe(0);
});

test("a lease ends once, however often it is released", async () => {
  const { cache } = setUp();
  const first = await cache.acquire(A);
  using _second = await cache.acquire(A);
  first.release();
  first.release();
  first[Symbol.dispose]();
  expect(cache.stats().cached_models[0]?.leases).toBe(1);
});

test("C14: a waiter too many is turned away at once, and told when to come again", async () => {
  const { cache, models } = setUp({ waitersMax: 2 });
  models.holdsLoads = true;
  const waiting = [cache.acquire(A), cache.acquire(B)];
  await models.settle();
  const refused = await cache.acquire(A).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "MODEL_QUEUE_FULL", retryable: true });
  expect((refused as LarderError).retryAfterS).toBeWithin(1, 61);
  await models.finish("A@1");
  await models.finish("B@1");
  for (const lease of await Promise.all(waiting)) lease.release();
  using lease = await cache.acquire(B);
  expect(lease.model.name).toBe("B@1");
});

test("a deadline ends the waiting, says how far the load is, and leaves it running", async () => {
  const { cache, models, clock } = setUp();
  models.holdsLoads = true;
  const late = cache.acquire(A, { deadlineMs: 400 }).catch((error: unknown) => error);
  const patient = cache.acquire(A, { deadlineMs: 5000 });
  await clock.advance(100);
  models.running.get("A@1")?.report({ bytes_done: 3, bytes_total: 9 });
  await clock.advance(300);
  expect(await late).toMatchObject({
    code: "MODEL_LOADING",
    retryable: true,
    retryAfterS: 1,
    details: { state: "loading", elapsed_ms: 400, bytes_done: 3, bytes_total: 9 },
  });
  expect(models.running.get("A@1")?.signal.aborted).toBe(false);
  await models.finish("A@1");
  using lease = await patient;
  expect(lease.model.name).toBe("A@1");
});

test("the time to come again follows from what earlier loads took", async () => {
  const { cache, models, clock } = setUp();
  models.loadMs.set("A", 9000);
  (await cache.acquire(A)).release();
  await cache.evict(A).done;
  models.holdsLoads = true;
  const late = cache.acquire(A, { deadlineMs: 2000 }).catch((error: unknown) => error);
  await clock.advance(2000);
  expect(await late).toMatchObject({ retryAfterS: 7, details: { expected_left_ms: 7000 } });
});

test("a caller that leaves keeps nobody else from the model", async () => {
  const { cache, models } = setUp();
  models.holdsLoads = true;
  const leaving = new AbortController();
  const left = codeOf(cache.acquire(A, { signal: leaving.signal }));
  const stays = cache.acquire(A);
  await models.settle();
  leaving.abort(new LarderError("CANCELLED", "gone"));
  expect(await left).toBe("CANCELLED");
  expect(models.running.get("A@1")?.signal.aborted).toBe(false);
  await models.finish("A@1");
  (await stays).release();
  expect(await codeOf(cache.acquire(A, { signal: AbortSignal.abort(new LarderError("CANCELLED", "x")) })))
    .toBe("CANCELLED");
});

test("a load that has not begun is dropped when all who wanted it have left, but not when they come again", async () => {
  const { cache, models, clock } = setUp({ loadsAtOnce: 1 });
  models.holdsLoads = true;
  const first = cache.acquire(A);
  const leaving = new AbortController();
  const left = codeOf(cache.acquire(B, { signal: leaving.signal }));
  const late = codeOf(cache.acquire(key("C"), { deadlineMs: 10 }));
  await clock.advance(10);
  leaving.abort(new LarderError("CANCELLED", "gone"));
  expect([await left, await late]).toEqual(["CANCELLED", "MODEL_LOADING"]);
  await models.finish("A@1");
  (await first).release();
  await models.finish("C@1");
  expect(models.begun).toEqual(["A@1", "C@1"]);
  expect(cache.tryAcquire(key("C"))?.model.name).toBe("C@1");
});

test("C14: only so many loads run at once, first come, first served; the limit may change meanwhile", async () => {
  const { cache, models } = setUp({ loadsAtOnce: 2, countMax: 10 });
  models.holdsLoads = true;
  const names = ["A", "B", "C", "D", "E"];
  const waiting = names.map((name) => cache.acquire(key(name)));
  await models.settle();
  expect(models.begun).toEqual(["A@1", "B@1"]);
  expect(cache.stats().loading_models.map(({ state }) => state)).toEqual([
    "loading",
    "loading",
    "queued",
    "queued",
    "queued",
  ]);
  await models.finish("B@1");
  expect(models.begun).toEqual(["A@1", "B@1", "C@1"]);
  cache.configure({ loadsAtOnce: 4 });
  await models.settle();
  expect(models.begun).toHaveLength(5);
  for (const name of names) await models.finish(`${name}@1`);
  expect((await Promise.all(waiting)).map(({ model }) => model.name)).toEqual(
    names.map((name) => `${name}@1`),
  );
  expect(models.mostOfOneKey).toBe(1);
});

test("what a load throws reaches all who wait for it, as it is", async () => {
  const { cache, models } = setUp();
  models.holdsLoads = true;
  const both = Promise.allSettled([cache.acquire(A), cache.acquire(A)]);
  const error = new TypeError("a bug");
  await models.settle();
  await models.fail("A@1", error);
  expect((await both).map((settled) => settled.status === "rejected" && settled.reason)).toEqual([
    error,
    error,
  ]);
});

test("an estimate that fails is no failure of the model", async () => {
  let isKnown = false;
  const { cache } = setUp({
    estimateBytes: () => {
      if (!isKnown) throw new LarderError("MODEL_NOT_FOUND", "not here");
      return Promise.resolve(1);
    },
  });
  expect(await codeOf(cache.acquire(A))).toBe("MODEL_NOT_FOUND");
  isKnown = true;
  using lease = await cache.acquire(A);
  expect(lease.model.name).toBe("A@1");
});

test("the error of a refusal is a LarderError with its status in hand", async () => {
  const { cache, models } = setUp({ bytesMax: () => 5 });
  const error = await cache.acquire(A).catch((reason: unknown) => reason);
  expect(isLarderError(error, "MODEL_TOO_LARGE")).toBe(true);
  expect(String(error)).toContain(id("A"));
  expect(models.begun).toEqual([]);
});
