import { expect, test } from "bun:test";
import { codeOf, key, setUp } from "./fake-models.ts";

const A = key("A");
const B = key("B");

test("evict() during a load aborts it; the next load of the key waits until it has ended", async () => {
  const { cache, models } = setUp();
  models.holdsLoads = true;
  const first = codeOf(cache.acquire(A));
  await models.settle();
  const stubborn = models.running.get("A@1");
  const { found, done } = cache.evict(A);
  expect(found).toBe(true);
  expect(await first).toBe("CANCELLED");
  expect(stubborn?.signal.aborted).toBe(true);
  const again = cache.acquire(A);
  await models.settle();
  expect(models.begun).toEqual(["A@1"]);
  stubborn?.result.resolve();
  await done;
  await models.settle();
  // What the first one loaded after all was given back unseen.
  expect(models.disposals).toBe(1);
  expect(models.begun).toEqual(["A@1", "A@1"]);
  await models.finish("A@1");
  using lease = await again;
  expect(lease.model.isDisposed).toBe(false);
  expect(models.mostOfOneKey).toBe(1);
  expect(cache.stats().failed_models).toEqual([]);
});

test("from the very step in which a model is there, its load is not", async () => {
  const seen: unknown[] = [];
  const { cache, models, clock } = setUp({
    onEvent({ type }) {
      if (type !== "loaded") return;
      seen.push(cache.stats().loading_models);
      // Out and wanted again before anything else happens.
      cache.configure({ countMax: 0 });
      cache.configure({ countMax: 3 });
      again ??= cache.acquire(A, { deadlineMs: 1000 });
    },
  });
  let again: ReturnType<typeof cache.acquire> | undefined;
  models.holdsLoads = true;
  const late = codeOf(cache.acquire(A, { deadlineMs: 100 }));
  await clock.advance(100);
  expect(await late).toBe("MODEL_LOADING");
  await models.finish("A@1");
  await models.finish("A@1");
  using lease = await again;
  expect(lease?.model.isDisposed).toBe(false);
  expect([seen, models.begun, models.mostOfOneKey]).toEqual([[[], []], ["A@1", "A@1"], 1]);
});

test("close() turns all away, lets leases end and gives all memory back", async () => {
  const { cache, models, clock } = setUp({ countMax: 5 });
  const inUse = await cache.acquire(A);
  (await cache.acquire(B)).release();
  models.holdsLoads = true;
  const waiting = codeOf(cache.acquire(key("C")));
  await models.settle();
  let isClosed = false;
  const closing = cache.close().then(() => isClosed = true);
  expect(await waiting).toBe("SHUTTING_DOWN");
  expect(await codeOf(cache.acquire(A))).toBe("SHUTTING_DOWN");
  expect(await codeOf(cache.replace(A, B))).toBe("SHUTTING_DOWN");
  await models.finish("C@1");
  expect(isClosed).toBe(false);
  expect(inUse.model.isDisposed).toBe(false);
  inUse.release();
  await closing;
  expect(models.inMemory.size).toBe(0);
  expect(clock.sleeping).toBe(0);
});

test("nothing wakes the process up while nothing is in memory", async () => {
  const { cache, use, clock } = setUp();
  expect(clock.sleeping).toBe(0);
  await use("A");
  expect(clock.sleeping).toBe(1);
  await cache.evict(A).done;
  await clock.advance(1000);
  expect(clock.sleeping).toBe(0);
});
