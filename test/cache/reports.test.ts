import { expect, test } from "bun:test";
import { DEFAULT_CACHE_SETTINGS, POLICY_NAMES } from "../../src/cache/index.ts";
import { id, key, setUp } from "./fake-models.ts";

test("three models, the least recently used one goes: what holds when nothing is said", () => {
  expect(setUp().cache.settings).toEqual(DEFAULT_CACHE_SETTINGS);
  expect(DEFAULT_CACHE_SETTINGS).toMatchObject({ policy: "lru", countMax: 3, crashLimit: 3 });
});

test("stats() tells what was asked, loaded and evicted, and of each model what it takes", async () => {
  const { cache, models, clock, use } = setUp({ countMax: 2 });
  models.loadMs.set("A", 200).set("B", 400);
  models.bytes.set("A", 30).set("B", 50);
  await use("A", "A", "A", "B");
  await clock.advance(5000);
  await use("B", "C");
  using _inUse = await cache.acquire(key("B"));
  expect(cache.stats()).toMatchObject({
    cache_size: 2,
    hits: 4,
    misses: 3,
    hit_rate: 4 / 7,
    miss_rate: 3 / 7,
    evictions: 1,
    total_loads: 3,
    failed_loads: 0,
    bytes: 60,
    load_ms: { count: 3, min: 0, mean: 200, max: 400, last: 0 },
    waiting: 0,
    cached_models: [
      {
        model: "B",
        version: "1",
        variant: "default",
        bytes: 50,
        load_ms: 400,
        uses: 3,
        leases: 1,
        loaded_at: 0.6,
        last_used_at: 5.6,
      },
      { model: "C", bytes: 10, uses: 1, leases: 0, loaded_at: 5.6, last_used_at: 5.6 },
    ],
  });
});

test("rates are 0 before the first request", () => {
  expect(setUp().cache.stats()).toMatchObject({ hit_rate: 0, miss_rate: 0, load_ms: { count: 0, mean: 0 } });
});

test("a model that is asked for soon after its eviction is reported", async () => {
  const { cache, use, clock, events } = setUp({ countMax: 1, churnWindowS: 60 });
  await use("A", "B");
  await clock.advance(59_000);
  await use("A");
  await clock.advance(61_000);
  await use("B");
  expect(cache.stats().churn).toBe(1);
  expect(events.filter(({ type }) => type === "churn")).toEqual([{
    type: "churn",
    key: id("A"),
    afterS: 59,
  }]);
});

test("what somebody wanted gone is no churn when it comes again", async () => {
  const { cache, use } = setUp();
  await use("A");
  await cache.evict(key("A")).done;
  await use("A");
  expect(cache.stats()).toMatchObject({ churn: 0, evictions: 0 });
});

test("explain() tells who would go and why, and does nothing", async () => {
  const { cache, models, use, evicted, clock } = setUp({ countMax: 4, bytesMax: () => 100 });
  models.bytes.set("A", 40).set("B", 20).set("C", 20).set("L", 60);
  await use("A", "B", "C");
  cache.pin(key("B"));
  await clock.advance(3000);
  using _inUse = await cache.acquire(key("C"));
  const before = cache.stats();
  expect(await cache.explain(key("L"))).toEqual({
    policy: "lru",
    key: id("L"),
    estimated_bytes: 60,
    outcome: "evicts",
    victims: [{ key: id("A"), bytes: 40, reason: "not used for 3 s" }],
    order: [{ key: id("A"), bytes: 40, reason: "not used for 3 s" }],
    kept: [
      { key: id("B"), bytes: 20, reason: "pinned" },
      { key: id("C"), bytes: 20, reason: "in use by 1" },
    ],
  });
  expect([cache.stats(), evicted()]).toEqual([before, []]);
});

test("explain() foretells what a request meets", async () => {
  const { cache, models, use } = setUp({ countMax: 2, bytesMax: () => 100 });
  models.bytes.set("L", 101).set("M", 95);
  const outcome = async (name: string) => (await cache.explain(key(name))).outcome;
  await use("A");
  expect([await outcome("A"), await outcome("B"), await outcome("L")]).toEqual([
    "loaded",
    "fits",
    "too_large",
  ]);
  await use("B");
  expect([await outcome("C"), (await cache.explain()).outcome]).toEqual(["evicts", "evicts"]);
  const leases = [await cache.acquire(key("A")), await cache.acquire(key("B"))];
  expect(await outcome("C")).toBe("waits");
  for (const lease of leases) lease.release();
  cache.pin(key("A"));
  expect([await outcome("C"), await outcome("M")]).toEqual(["evicts", "blocked"]);
  models.holdsLoads = true;
  const loading = cache.acquire(key("C"));
  await models.settle();
  expect(await outcome("C")).toBe("loading");
  await models.finish("C@1");
  (await loading).release();
});

test("keepAliveS lets go of what is not used, but not of what is pinned or in use", async () => {
  const { cache, clock, use, events } = setUp({ countMax: 5, keepAliveS: 10 });
  const inUse = await cache.acquire(key("A"));
  cache.pin(key("B"));
  await use("B", "C", "D");
  await clock.advance(9000);
  await use("D");
  await clock.advance(2000);
  const gone = () =>
    events.flatMap((event) => event.type === "evicted" ? [`${event.key} ${event.reason}`] : []);
  expect(gone()).toEqual([`${id("C")} idle`]);
  inUse.release();
  await clock.advance(9000);
  expect(gone()).toEqual([`${id("C")} idle`, `${id("D")} idle`]);
  await clock.advance(2000);
  expect(gone()).toEqual([`${id("C")} idle`, `${id("D")} idle`, `${id("A")} idle`]);
  cache.unpin(key("B"));
  expect(gone().at(-1)).toBe(`${id("B")} idle`);
});

test("a model's own keep-alive goes over that of all: the one goes, the other stays", async () => {
  const own = new Map([["A", 5], ["B", 1000]]);
  const { clock, use, evicted } = setUp({
    ...{ countMax: 5, keepAliveS: 20 },
    careOf: ({ model }) => {
      const keepAliveS = own.get(model);
      return keepAliveS === undefined ? {} : { keepAliveS };
    },
  });
  await use("A", "B", "C");
  await clock.advance(6000);
  expect(evicted()).toEqual([id("A")]);
  await clock.advance(15_000);
  expect(evicted()).toEqual([id("A"), id("C")]);
  own.delete("B");
  await clock.advance(1000);
  expect(evicted()).toEqual([id("A"), id("C"), id("B")]);
});

test.each(POLICY_NAMES)("%s: what weighs less goes first, and explain() says why", async (policy) => {
  const weights = new Map([["A", 2], ["C", 0.5]]);
  const { cache, use, evicted } = setUp({
    ...{ countMax: 4, policy },
    careOf: ({ model }) => ({ weight: weights.get(model) ?? 1 }),
  });
  await use("A", "B", "C", "C", "C", "D");
  const { order } = await cache.explain(key("E"));
  expect(order.map((one) => one.key)).toEqual([id("C"), id("B"), id("D"), id("A")]);
  expect(order[0]?.reason).toStartWith("weight 0.5; ");
  expect(order[1]?.reason).not.toContain("weight");
  await use("E");
  expect(evicted()).toEqual([id("C")]);
  weights.set("B", 10);
  await use("F");
  expect(evicted()).toEqual([id("C"), id("D")]);
});

test("another policy goes on with what is known of the models that are here", async () => {
  const { cache, use, evicted } = setUp({ policy: "lru" });
  await use("A", "A", "B", "C", "C");
  cache.configure({ policy: "lfu" });
  await use("D");
  expect(evicted()).toEqual([id("B")]);
  cache.configure({ policy: "fifo" });
  await use("A", "E");
  expect(evicted()).toEqual([id("B"), id("A")]);
  cache.configure({ policy: "arc" });
  await use("F");
  // C was asked for twice.
  expect(evicted().at(-1)).toBe(id("D"));
  cache.configure({ policy: "cost" });
  await use("G");
  expect(cache.stats()).toMatchObject({ policy: "cost", cache_size: 3 });
});

test("a listener that throws harms nobody", async () => {
  const { use, cache } = setUp({
    countMax: 1,
    onEvent: () => {
      throw new Error("a bug");
    },
  });
  await use("A", "B");
  expect(cache.stats().cache_size).toBe(1);
});
