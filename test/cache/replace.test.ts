import { expect, test } from "bun:test";
import { LarderError } from "../../src/core/index.ts";
import { codeOf, id, key, setUp } from "./fake-models.ts";

const OLD = key("A", "1");
const NEW = key("A", "2");

test("the old model serves until the new one is there; then nobody finds it, who uses it finishes, and it goes", async () => {
  const { cache, models, events } = setUp();
  const inUse = await cache.acquire(OLD);
  models.holdsLoads = true;
  const replacing = cache.replace(OLD, NEW);
  await models.settle();
  cache.tryAcquire(OLD)?.release();
  expect(cache.tryAcquire(NEW)).toBeUndefined();
  await models.finish("A@2");
  const { found, leases, done } = await replacing;
  expect([found, leases, cache.tryAcquire(OLD)]).toEqual([true, 1, undefined]);
  using fresh = cache.tryAcquire(NEW);
  expect(fresh?.model.name).toBe("A@2");
  expect(inUse.model.isDisposed).toBe(false);
  inUse.release();
  await done;
  expect([inUse.model.isDisposed, fresh?.model.isDisposed, models.disposals]).toEqual([true, false, 1]);
  expect(events).toContainEqual({ type: "replaced", key: id("A", "1"), by: id("A", "2") });
});

test("C10: requests that follow the map see no failure, no second load and no mixed version", async () => {
  const { cache, models } = setUp({ countMax: 3 });
  (await cache.acquire(OLD)).release();
  let current = OLD;
  const answers = new Set<string>();
  let [failed, isOver] = [0, false];
  const client = async () => {
    while (!isOver) {
      const asked = current;
      try {
        using lease = await cache.acquire(asked);
        const before = lease.model.name;
        await models.settle();
        const isWhole = before === `A@${asked.version}` && !lease.model.isDisposed;
        answers.add(isWhole ? before : "mixed");
      } catch {
        // Counted: any failure is one too many.
        failed++;
      }
    }
  };
  const clients = Array.from({ length: 20 }, client);
  for (let version = 2; version <= 21; version++) {
    const next = key("A", String(version));
    const { done } = await cache.replace(current, next, { onSwap: () => current = next });
    await done;
    while (!answers.has(`A@${version}`)) await models.settle();
  }
  isOver = true;
  await Promise.all(clients);
  expect(failed).toBe(0);
  expect([...answers].sort()).toEqual([...new Set(models.begun)].sort());
  expect(models.begun).toHaveLength(21);
  expect([...models.inMemory].map(({ name }) => name)).toEqual(["A@21"]);
});

test("C11: a new model that does not load keeps the old one, and the old one's status tells why", async () => {
  const { cache, models } = setUp();
  const lease = await cache.acquire(OLD);
  models.holdsLoads = true;
  const replacing = cache.replace(OLD, NEW).catch((error: unknown) => error);
  await models.settle();
  const cause = new LarderError("CORRUPT_SOURCE", "bad magic");
  await models.fail("A@2", cause);
  expect(await replacing).toMatchObject({
    code: "RELOAD_FAILED",
    cause,
    details: { code: "CORRUPT_SOURCE", kept: id("A", "1"), refused: id("A", "2") },
  });
  lease.release();
  expect(cache.tryAcquire(OLD)?.model.isDisposed).toBe(false);
  expect(cache.stats().cached_models).toMatchObject([{
    version: "1",
    reload_error: { code: "RELOAD_FAILED" },
  }]);
});

test("C11: a new model that fails its check is never seen and given back", async () => {
  const { cache, models } = setUp();
  (await cache.acquire(OLD)).release();
  const checked: string[] = [];
  const check = (model: { readonly name: string }) => {
    checked.push(model.name);
    expect(cache.tryAcquire(NEW)).toBeUndefined();
    return Promise.reject(new Error("wrong answer"));
  };
  expect(await codeOf(cache.replace(OLD, NEW, { check }))).toBe("RELOAD_FAILED");
  expect([checked, cache.tryAcquire(NEW), models.inMemory.size]).toEqual([["A@2"], undefined, 1]);
  expect(cache.tryAcquire(OLD)?.model.name).toBe("A@1");
});

test("a model may be loaded again under its own key", async () => {
  const { cache, models } = setUp();
  const before = await cache.acquire(OLD);
  const { done } = await cache.replace(OLD, OLD);
  using after = await cache.acquire(OLD);
  expect(after.model).not.toBe(before.model);
  before.release();
  await done;
  expect([before.model.isDisposed, after.model.isDisposed, models.begun]).toEqual([true, false, [
    "A@1",
    "A@1",
  ]]);
});

test("a new model that is loaded already is checked and put in place without a load", async () => {
  const { cache, models } = setUp();
  (await cache.acquire(OLD)).release();
  (await cache.acquire(NEW)).release();
  const fail = () => Promise.reject(new Error("wrong answer"));
  expect(await codeOf(cache.replace(OLD, NEW, { check: fail }))).toBe("RELOAD_FAILED");
  expect(cache.stats().cache_size).toBe(2);
  let swaps = 0;
  await (await cache.replace(OLD, NEW, { onSwap: () => swaps++ })).done;
  expect([swaps, models.begun, cache.tryAcquire(OLD)]).toEqual([1, ["A@1", "A@2"], undefined]);
});

test("where the old model is not loaded the new one is, and the map changes", async () => {
  const { cache } = setUp();
  let swaps = 0;
  expect(await cache.replace(OLD, NEW, { onSwap: () => swaps++ })).toMatchObject({ found: false });
  expect([swaps, cache.tryAcquire(NEW)?.model.name]).toEqual([1, "A@2"]);
});

test("the new model takes the old one's place in the count and its pin", async () => {
  const { cache, use, evicted } = setUp({ countMax: 2 });
  cache.pin(OLD);
  await use("A", "B");
  await (await cache.replace(OLD, NEW)).done;
  expect(evicted()).toEqual([id("A", "1")]);
  await use("C", "D");
  expect(cache.tryAcquire(NEW)).toBeDefined();
  expect(cache.stats().pins).toEqual([id("A", "2")]);
});

test("others make room for it; where both do not fit it is refused and the old one stays", async () => {
  const { cache, models, use, evicted } = setUp({ bytesMax: () => 100 });
  models.bytes.set("A", 45).set("B", 30).set("L", 60);
  await use("A", "B");
  await (await cache.replace(OLD, NEW)).done;
  expect(evicted()).toEqual([id("B"), id("A", "1")]);
  const error = await cache.replace(NEW, key("L")).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "CACHE_FULL", details: { kept: [id("A", "2")] } });
  expect(cache.tryAcquire(NEW)?.model.isDisposed).toBe(false);
  expect(models.begun).not.toContain("L@1");
});

test("the old model is not evicted while its successor loads", async () => {
  const { cache, models, evicted, clock } = setUp({ countMax: 2 });
  (await cache.acquire(OLD)).release();
  models.holdsLoads = true;
  const replacing = codeOf(cache.replace(OLD, NEW));
  await models.settle();
  const first = cache.acquire(key("B"));
  const second = codeOf(cache.acquire(key("C"), { deadlineMs: 1000 }));
  await models.settle();
  await models.finish("B@1");
  using _inUse = await first;
  await clock.advance(1000);
  expect([await second, evicted()]).toEqual(["CACHE_FULL", []]);
  await models.fail("A@2", new Error("broken"));
  expect([await replacing, cache.tryAcquire(OLD)?.model.name]).toEqual(["RELOAD_FAILED", "A@1"]);
});

test("a caller that leaves keeps both models", async () => {
  const { cache, models, clock } = setUp();
  (await cache.acquire(OLD)).release();
  models.holdsLoads = true;
  let swaps = 0;
  const late = codeOf(cache.replace(OLD, NEW, { deadlineMs: 100, onSwap: () => swaps++ }));
  await clock.advance(100);
  expect(await late).toBe("MODEL_LOADING");
  await models.finish("A@2");
  expect([swaps, cache.tryAcquire(OLD)?.model.name, cache.tryAcquire(NEW)?.model.name]).toEqual([
    0,
    "A@1",
    "A@2",
  ]);
});

test("a map that cannot be changed keeps the old model", async () => {
  const { cache } = setUp();
  (await cache.acquire(OLD)).release();
  const bug = new TypeError("a bug");
  const onSwap = () => {
    throw bug;
  };
  expect(await codeOf(cache.replace(OLD, NEW, { onSwap }))).toBe(bug);
  expect(cache.tryAcquire(OLD)?.model.name).toBe("A@1");
});

test("two who replace the same model share the load", async () => {
  const { cache, models } = setUp();
  (await cache.acquire(OLD)).release();
  let swaps = 0;
  const both = await Promise.all(
    [1, 2].map(() => cache.replace(OLD, NEW, { onSwap: () => swaps++ })),
  );
  await Promise.all(both.map(({ done }) => done));
  expect([swaps, models.begun, models.disposals]).toEqual([2, ["A@1", "A@2"], 1]);
});
