import { expect, test } from "bun:test";
import { codeOf, id, key, setUp } from "./fake-models.ts";

const A = key("A");

test("no more models than countMax stay; lowering it takes effect at once", async () => {
  const { cache, use, evicted } = setUp({ countMax: 2 });
  await use("A", "B", "C");
  expect(evicted()).toEqual([id("A")]);
  cache.configure({ countMax: 1 });
  expect(evicted()).toEqual([id("A"), id("B")]);
});

test("as many go as are needed for the bytes, and none that the larger ones make needless", async () => {
  const { models, use, evicted } = setUp({ countMax: 10, bytesMax: () => 100 });
  for (const [name, bytes] of [["A", 5], ["B", 60], ["C", 30], ["D", 55]] as const) {
    models.bytes.set(name, bytes);
  }
  await use("A", "B", "C", "D");
  // D wants 50 more. A is the oldest, but B alone is enough.
  expect(evicted()).toEqual([id("B")]);
});

test("C13: a model larger than the budget is refused before anything is evicted", async () => {
  const { cache, models, use, evicted } = setUp({ bytesMax: () => 100 });
  models.bytes.set("L", 101);
  await use("A", "B", "C");
  const error = await cache.acquire(key("L")).catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    code: "MODEL_TOO_LARGE",
    retryable: false,
    details: { bytes: 101, bytes_max: 100 },
  });
  expect(evicted()).toEqual([]);
  expect(models.begun).toEqual(["A@1", "B@1", "C@1"]);
});

test("C13: one that turns out to be larger than the budget is given back, and refused before anything is evicted next time", async () => {
  const { cache, models, use, evicted } = setUp({ bytesMax: () => 100 });
  models.estimates.set("L", 10);
  models.bytes.set("L", 150);
  await use("A");
  expect(await codeOf(cache.acquire(key("L")))).toBe("MODEL_TOO_LARGE");
  expect([models.disposals, models.begun]).toEqual([1, ["A@1", "L@1"]]);
  expect(await codeOf(cache.acquire(key("L")))).toBe("MODEL_TOO_LARGE");
  expect(models.begun).toEqual(["A@1", "L@1"]);
  expect([evicted(), cache.stats().cache_size]).toEqual([[], 1]);
  cache.forgive(key("L"));
  models.bytes.set("L", 50);
  await use("L");
});

test("what was measured corrects the estimate: others go when it is more", async () => {
  const { cache, models, use, evicted } = setUp({ countMax: 10, bytesMax: () => 100 });
  models.estimates.set("B", 10);
  models.bytes.set("A", 40).set("B", 70);
  await use("A", "B");
  await models.settle();
  expect(evicted()).toEqual([id("A")]);
  expect(cache.stats()).toMatchObject({ bytes: 70, cached_models: [{ bytes: 70, estimated_bytes: 10 }] });
});

test("a model that grows is counted as it is", async () => {
  const { cache, use, evicted, clock, models } = setUp({ countMax: 10, bytesMax: () => 100 });
  await use("A", "B");
  models.bytes.set("B", 90);
  await clock.advance(1000);
  expect([evicted(), cache.stats().bytes]).toEqual([[], 100]);
  models.bytes.set("B", 91);
  await clock.advance(1000);
  expect(evicted()).toEqual([id("A")]);
});

test("C07: a model in use is never evicted; who needs its room waits until the lease ends", async () => {
  const { cache, models, clock } = setUp({ countMax: 1 });
  const inUse = await cache.acquire(A);
  const waiting = cache.acquire(key("B"), { deadlineMs: 5000 });
  await clock.advance(3000);
  expect(models.begun).toEqual(["A@1"]);
  expect(cache.stats().loading_models[0]?.state).toBe("waiting_for_room");
  expect(inUse.model.isDisposed).toBe(false);
  inUse.release();
  using lease = await waiting;
  expect([inUse.model.isDisposed, lease.model.name]).toEqual([true, "B@1"]);
});

test("C07: who needs the room of models in use is told so when the deadline passes, and is not loaded behind his back", async () => {
  const { cache, models, clock } = setUp({ countMax: 1 });
  const inUse = await cache.acquire(A);
  const refused = cache.acquire(key("B"), { deadlineMs: 5000 }).catch((error: unknown) => error);
  await clock.advance(5000);
  expect(await refused).toMatchObject({
    code: "CACHE_FULL",
    retryable: true,
    details: { in_use: [id("A")] },
  });
  inUse.release();
  await models.settle();
  expect(models.begun).toEqual(["A@1"]);
});

test("a model that fits goes before one that waits for room", async () => {
  const { cache, models } = setUp({ countMax: 10, bytesMax: () => 100 });
  models.bytes.set("A", 60).set("B", 90).set("C", 20);
  const inUse = await cache.acquire(A);
  const large = cache.acquire(key("B"));
  using small = await cache.acquire(key("C"));
  expect(small.model.name).toBe("C@1");
  await models.settle();
  expect(models.begun).toEqual(["A@1", "C@1"]);
  inUse.release();
  small.release();
  (await large).release();
});

test("pinned models stay; a cache full of them refuses at once", async () => {
  const { cache, use, evicted } = setUp({ countMax: 2 });
  cache.pin(A);
  await use("A", "B", "C", "D");
  expect(evicted()).toEqual([id("B"), id("C")]);
  cache.pin(key("D"));
  const error = await cache.acquire(key("E")).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "CACHE_FULL", details: { kept: [id("A"), id("D")] } });
  cache.unpin(A);
  await use("E");
  expect(evicted()).toEqual([id("B"), id("C"), id("A")]);
  expect(cache.stats().pins).toEqual([id("D")]);
});

test("C14: the next load waits until the memory of the victim is given back", async () => {
  const { cache, models } = setUp({ countMax: 10, bytesMax: () => 100 });
  models.bytes.set("A", 80).set("B", 80);
  (await cache.acquire(A)).release();
  const disposing = Promise.withResolvers<void>();
  models.disposing = disposing.promise;
  const waiting = cache.acquire(key("B"));
  await models.settle();
  expect(cache.tryAcquire(A)).toBeUndefined();
  expect(cache.stats()).toMatchObject({ bytes: 80, leaving_models: [{ model: "A", state: "closing" }] });
  expect(models.begun).toEqual(["A@1"]);
  disposing.resolve();
  (await waiting).release();
  expect(cache.stats().bytes).toBe(80);
});

test("C14: two loads do not share the memory of one victim", async () => {
  const { cache, models } = setUp({ countMax: 10, bytesMax: () => 100, loadsAtOnce: 2 });
  models.bytes.set("A", 50).set("B", 50).set("C", 50).set("D", 50);
  (await cache.acquire(A)).release();
  (await cache.acquire(key("B"))).release();
  const disposing = Promise.withResolvers<void>();
  models.disposing = disposing.promise;
  models.holdsLoads = true;
  const waiting = [cache.acquire(key("C")), cache.acquire(key("D"))];
  await models.settle();
  expect(models.bytesTaken).toBe(100);
  disposing.resolve();
  await models.settle();
  expect(models.bytesTaken).toBe(100);
  await models.finish("C@1");
  await models.finish("D@1");
  await Promise.all(waiting);
});

test("a memory bound that shrinks is seen within a second, and is told what models take", async () => {
  let bytesMax = 100;
  const told: number[] = [];
  const { use, evicted, clock } = setUp({
    countMax: 10,
    bytesMax: (heldBytes) => {
      told.push(heldBytes);
      return bytesMax;
    },
  });
  await use("A", "B", "C");
  bytesMax = 25;
  await clock.advance(1000);
  expect(evicted()).toEqual([id("A")]);
  expect(told.at(-1)).toBe(30);
  await clock.advance(1000);
  expect(told.at(-1)).toBe(20);
});

test("the memory bound is read before a load", async () => {
  let bytesMax = 100;
  const { cache, use } = setUp({ bytesMax: () => bytesMax });
  await use("A");
  bytesMax = 9;
  expect(await codeOf(cache.acquire(key("B")))).toBe("MODEL_TOO_LARGE");
});

test("models in use that outgrow a smaller bound go as soon as they are idle", async () => {
  let bytesMax = 100;
  const { cache, evicted, clock } = setUp({ bytesMax: () => bytesMax });
  const inUse = await cache.acquire(A);
  bytesMax = 5;
  await clock.advance(1000);
  expect(evicted()).toEqual([]);
  inUse.release();
  expect(evicted()).toEqual([id("A")]);
});

test("C06: evict() takes the name away at once, who uses the model finishes, then its memory is given back", async () => {
  const { cache, models } = setUp();
  const first = await cache.acquire(A);
  const second = await cache.acquire(A);
  const { found, leases, done } = cache.evict(A);
  expect([found, leases, cache.tryAcquire(A)]).toEqual([true, 2, undefined]);
  first.release();
  expect(first.model.isDisposed).toBe(false);
  using again = await cache.acquire(A);
  expect(again.model).not.toBe(first.model);
  second.release();
  await done;
  expect([first.model.isDisposed, again.model.isDisposed, models.disposals]).toEqual([true, false, 1]);
  expect(cache.evict(key("Z"))).toMatchObject({ found: false, leases: 0 });
});

test("a model that cannot be disposed of is let go and told of", async () => {
  const { cache, models, use, events } = setUp({ countMax: 1 });
  models.disposing = Promise.reject(new Error("stuck"));
  models.disposing.catch(() => {});
  await use("A", "B");
  expect(events.filter(({ type }) => type === "dispose_failed")).toEqual([
    { type: "dispose_failed", key: id("A"), error: new Error("stuck") },
  ]);
  expect(cache.stats().leaving_models).toEqual([]);
});
