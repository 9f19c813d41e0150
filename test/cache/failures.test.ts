import { expect, test } from "bun:test";
import { LarderError } from "../../src/core/index.ts";
import { codeOf, type FakeModels, id, key, type Setup, setUp } from "./fake-models.ts";

const A = key("A");
const BACKOFF = { failureBackoff: { baseMs: 1000, maxMs: 8000 } };

async function failOnce({ cache, models }: Pick<Setup, "cache" | "models">, error: Error): Promise<unknown> {
  models.holdsLoads = true;
  const failed = codeOf(cache.acquire(A));
  await models.settle();
  await models.fail("A@1", error);
  models.holdsLoads = false;
  return await failed;
}

async function lose(models: FakeModels, reason: string): Promise<void> {
  models.losers.get("A@1")?.(new Error(reason));
  await models.settle();
}

test("a model that failed is refused for a while, with its error", async () => {
  const setup = setUp(BACKOFF);
  const { cache, models, clock } = setup;
  const cause = new LarderError("CORRUPT_SOURCE", "bad magic");
  expect(await failOnce(setup, cause)).toBe("CORRUPT_SOURCE");
  await clock.advance(400);
  const refused = await cache.acquire(A).catch((error: unknown) => error);
  expect(refused).toMatchObject({
    code: "MODEL_FAILED",
    retryable: true,
    retryAfterS: 1,
    cause,
    details: { code: "CORRUPT_SOURCE", reason: "bad magic", failures: 1 },
  });
  expect(models.begun).toHaveLength(1);
  expect(cache.stats()).toMatchObject({
    failed_loads: 1,
    failed_models: [{ key: id("A"), reason: "bad magic", failures: 1, refused_for_s: 0.6, set_aside: false }],
  });
  await clock.advance(600);
  (await cache.acquire(A)).release();
});

test("C12: a model that goes up and down is refused for longer each time, though it loads in between", async () => {
  const { cache, models, clock } = setUp({ ...BACKOFF, crashLimit: 100, forgiveS: 60 });
  const refusedForMs = async () => {
    for (let ms = 0;; ms += 100) {
      if (await codeOf(cache.acquire(A)) !== "MODEL_FAILED") return ms;
      await clock.advance(100);
    }
  };
  const waits: number[] = [await refusedForMs()];
  for (let crash = 0; crash < 5; crash++) {
    await lose(models, "segfault");
    waits.push(await refusedForMs());
  }
  expect(waits).toEqual([0, 1000, 2000, 4000, 8000, 8000]);
  // Well for long enough: the next failure counts as the first.
  await clock.advance(61_000);
  await lose(models, "segfault");
  expect(await refusedForMs()).toBe(1000);
});

test("P23: a model whose thread or process ended leaves the cache, and is loaded anew", async () => {
  const { cache, models, clock, events } = setUp(BACKOFF);
  const inUse = await cache.acquire(A);
  await lose(models, "exit code 1");
  expect(cache.tryAcquire(A)).toBeUndefined();
  expect(events).toContainEqual({ type: "lost", key: id("A"), error: new Error("exit code 1") });
  expect(inUse.model.isDisposed).toBe(false);
  inUse.release();
  await clock.advance(1000);
  expect(inUse.model.isDisposed).toBe(true);
  using again = await cache.acquire(A);
  expect(again.model).not.toBe(inUse.model);
  expect(cache.stats().crashes).toBe(1);
});

test("P14, P20: after three crashes a model is put aside with the reason, until it is forgiven", async () => {
  const { cache, models, clock, events } = setUp({ ...BACKOFF, crashLimit: 3 });
  for (let crash = 0; crash < 3; crash++) {
    (await cache.acquire(A)).release();
    await lose(models, "killed by SIGKILL");
    await clock.advance(8000);
  }
  const refused = await cache.acquire(A).catch((error: unknown) => error);
  expect(refused).toMatchObject({
    code: "MODEL_SET_ASIDE",
    retryable: false,
    details: { reason: "killed by SIGKILL", crashes: 3 },
  });
  await clock.advance(24 * 3600 * 1000);
  expect(await codeOf(cache.acquire(A))).toBe("MODEL_SET_ASIDE");
  expect(events.filter(({ type }) => type === "put_aside")).toEqual([
    { type: "put_aside", key: id("A"), crashes: 3 },
  ]);
  expect(cache.stats().failed_models).toMatchObject([{ set_aside: true }]);
  cache.forgive(A);
  (await cache.acquire(A)).release();
  expect(models.begun).toHaveLength(4);
});

test("P20: loads that crash count as crashes, others only as failures", async () => {
  const isCrash = (error: unknown) => error instanceof Error && error.message === "killed";
  const setup = setUp({ ...BACKOFF, crashLimit: 2, isCrash });
  for (const message of ["killed", "no memory", "no memory", "killed"]) {
    expect(await failOnce(setup, new Error(message))).toEqual(new Error(message));
    await setup.clock.advance(8000);
  }
  expect(await codeOf(setup.cache.acquire(A))).toBe("MODEL_SET_ASIDE");
  expect(setup.cache.stats()).toMatchObject({ crashes: 2, failed_loads: 4, total_loads: 4 });
});

test("a failure keeps nobody from another model, or from one that is loaded", async () => {
  const setup = setUp(BACKOFF);
  const { cache, models } = setup;
  await setup.use("B");
  await failOnce(setup, new Error("broken"));
  await setup.use("B", "C");
  cache.forgive();
  await setup.use("A");
  expect(await failOnce(setup, new Error("never reached"))).toMatchObject({ model: { name: "A@1" } });
  expect(models.begun).toEqual(["B@1", "A@1", "C@1", "A@1"]);
});

test("a reload by hand tries a model that is refused", async () => {
  const setup = setUp(BACKOFF);
  await failOnce(setup, new Error("broken"));
  expect(await codeOf(setup.cache.acquire(A))).toBe("MODEL_FAILED");
  await setup.cache.replace(key("A", "0"), A);
  await setup.use("A");
});

test("the memory of failures is bounded", async () => {
  const { cache } = setUp({
    load: () => Promise.reject(new Error("broken")),
    estimateBytes: () => 1,
  });
  for (let model = 0; model < 1500; model++) await codeOf(cache.acquire(key(`m${model}`)));
  const { failed_models, failed_loads } = cache.stats();
  expect([failed_models.length, failed_loads]).toEqual([1000, 1500]);
});
