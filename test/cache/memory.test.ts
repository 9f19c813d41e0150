import { expect, test } from "bun:test";
import { heapStats } from "bun:jsc";
import { createModelCache, POLICY_NAMES } from "../../src/cache/index.ts";
import { FakeClock } from "../helpers/fake-clock.ts";
import { key } from "./fake-models.ts";

/** More than anything that the cache remembers by name. */
const MODELS = 12_000;
const WATCHED = 200;
const GROWTH_MAX_BYTES = 512 * 1024;

function heapBytes(): number {
  Bun.gc(true);
  return heapStats().heapSize;
}

test.each(POLICY_NAMES)("nothing stays of models that came and went, by %s", async (policy) => {
  const watched: WeakRef<object>[] = [];
  const cache = createModelCache<object>({
    policy,
    load: () => {
      const model = { weights: new Uint8Array(100) };
      if (watched.length < WATCHED) watched.push(new WeakRef(model));
      return Promise.resolve({ model, bytes: 100, dispose: () => Promise.resolve() });
    },
    estimateBytes: () => 100,
    bytesMax: () => 1000,
    clock: new FakeClock(),
  });
  const useMany = async (prefix: string) => {
    for (let number = 0; number < MODELS; number++) {
      using _lease = await cache.acquire(key(`${prefix}${number}`));
    }
  };
  // Twice: tables that are full double once more.
  await useMany("a");
  await useMany("b");
  const before = heapBytes();
  await useMany("c");
  expect(heapBytes() - before).toBeLessThan(GROWTH_MAX_BYTES);
  // The stack is searched for anything that looks like a pointer: one or the other may be kept by chance.
  expect(watched.filter((ref) => ref.deref() !== undefined).length).toBeLessThan(WATCHED / 20);
  expect(cache.stats()).toMatchObject({
    cache_size: 3,
    leaving_models: [],
    waiting: 0,
    total_loads: 3 * MODELS,
  });
  await cache.close();
});

test("nothing stays of waiters that left", async () => {
  const never = new Promise<never>(() => {});
  const clock = new FakeClock();
  const cache = createModelCache<object>({
    load: () => never,
    estimateBytes: () => 1,
    bytesMax: () => 1000,
    clock,
  });
  const leaving = new AbortController();
  const comeAndGo = async (times: number) => {
    for (let time = 0; time < times; time++) {
      const some = Array.from(
        { length: 100 },
        () => cache.acquire(key("A"), { signal: leaving.signal, deadlineMs: 5 }),
      );
      await clock.advance(5);
      await Promise.allSettled(some);
    }
  };
  await comeAndGo(20);
  const before = heapBytes();
  await comeAndGo(100);
  expect(heapBytes() - before).toBeLessThan(GROWTH_MAX_BYTES);
  // The lookout alone; the load goes on.
  expect([clock.sleeping, cache.stats().waiting]).toEqual([1, 1]);
});
