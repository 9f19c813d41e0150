import { LRUCache } from "lru-cache";
import { createModelCache, type ModelCache, type ModelKey, type PolicyName } from "../../src/cache/index.ts";
import { type Clock, formatModelRef } from "../../src/core/index.ts";
import { modelTrace, type TracedModel } from "./shared/model-trace.ts";
import { interleave } from "./shared/rounds.ts";
import { type Bench, type BenchContext, GIB, type Row } from "./shared/types.ts";

const LOADED = 64;
const ACQUIRES = 4_000_000;
const RATE_MIN = 0.25;
const ACQUIRE_US_MAX = 2;
const REQUESTS = 40_000;
const MEMORY_BYTES = 16 * GIB;

/** What a lease costs, and what the policies make of the same requests. Everything happens in the process of the bench. */
export const cache: Bench = {
  name: "cache",
  title: "Leases on loaded models, and eviction policies on a trace",
  needs: [],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  return [...await leases(context), ...await policies(context)];
}

async function leases(context: BenchContext): Promise<Row[]> {
  const keys = Array.from({ length: LOADED }, (_, number) => ({
    model: `bench/model-${number}`,
    version: `1.${number}.0`,
    variant: "default",
  }));
  const names = keys.map(formatModelRef);
  const models = await loadedModels(keys);
  const lru = new LRUCache<string, object>({ max: LOADED });
  for (const name of names) lru.set(name, {});
  const times = context.size(ACQUIRES);
  const rates = await interleave(context, {
    get: () => rate(times, names, (name) => lru.get(name)),
    lease: () => rate(times, keys, (key) => take(models, key)),
    using: () => rate(times, keys, (key) => hold(models, key)),
    acquire: () => rateOfAcquire(context.size(ACQUIRES / 4), keys, models),
  });
  await models.close();
  const row = { unit: "/s", against: "bare lru-cache get", peer: rates.get } as const;
  return [
    { ...row, what: "tryAcquire and release", larder: rates.lease, aim: { atLeast: RATE_MIN } },
    { ...row, what: "using lease = tryAcquire", larder: rates.using, aim: { atLeast: RATE_MIN } },
    { ...row, what: "using lease = await acquire", larder: rates.acquire },
    ...([["tryAcquire and release", rates.lease], ["using lease = await acquire", rates.acquire]] as const)
      .map(([what, larder]): Row => ({
        what: `${what}, each`,
        unit: "µs",
        larder: larder.map((perS) => 1e6 / perS),
        aim: { atMost: ACQUIRE_US_MAX },
      })),
  ];
}

async function loadedModels(keys: readonly ModelKey[]): Promise<ModelCache<object>> {
  const models = createModelCache<object>({
    load: () => Promise.resolve({ model: {}, bytes: 1, dispose: () => Promise.resolve() }),
    estimateBytes: () => 1,
    bytesMax: () => Infinity,
    countMax: LOADED,
  });
  for (const key of keys) (await models.acquire(key)).release();
  return models;
}

function rate<Key>(times: number, keys: readonly Key[], get: (key: Key) => unknown): Promise<number> {
  let got: unknown;
  const startMs = performance.now();
  for (let done = 0; done < times; done += keys.length) for (const key of keys) got = get(key);
  return Promise.resolve(perSecond(times, startMs, got));
}

function take(models: ModelCache<object>, key: ModelKey): object | undefined {
  const lease = models.tryAcquire(key);
  lease?.release();
  return lease?.model;
}

function hold(models: ModelCache<object>, key: ModelKey): object | undefined {
  using lease = models.tryAcquire(key);
  return lease?.model;
}

async function rateOfAcquire(
  times: number,
  keys: readonly ModelKey[],
  models: ModelCache<object>,
): Promise<number> {
  let got: unknown;
  const startMs = performance.now();
  for (let done = 0; done < times; done += keys.length) {
    for (const key of keys) {
      using lease = await models.acquire(key);
      got = lease.model;
    }
  }
  return perSecond(times, startMs, got);
}

/** @param got What came last: a loop whose results nobody looks at could be left out. */
function perSecond(times: number, startMs: number, got: unknown): number {
  if (got === undefined) throw new Error("Cannot measure: a loaded model was not found");
  return times / (performance.now() - startMs) * 1000;
}

interface Outcome {
  readonly hitPercent: number[];
  readonly loadingS: number[];
}

const OTHERS = ["arc", "cost", "lfu", "fifo"] as const satisfies readonly PolicyName[];

/** Every policy sees the same requests, in each round others. */
async function policies(context: BenchContext): Promise<Row[]> {
  const newOutcome = (): Outcome => ({ hitPercent: [], loadingS: [] });
  const lru = newOutcome();
  const others = OTHERS.map((policy) => ({ policy, outcome: newOutcome() }));
  for (let round = 1; round <= context.pairs; round++) {
    const trace = modelTrace(round, context.size(REQUESTS));
    for (const { policy, outcome } of [{ policy: "lru" as const, outcome: lru }, ...others]) {
      await play(policy, trace, outcome);
      context.say(
        `round ${round} of ${context.pairs}, ${policy}: ${outcome.hitPercent.at(-1)?.toFixed(1)} %`,
      );
    }
  }
  return others.flatMap(({ policy, outcome: { hitPercent, loadingS } }): Row[] => [
    { what: `${policy}: loading`, unit: "s", against: "lru", larder: loadingS, peer: lru.loadingS },
    { what: `${policy}: hits`, unit: "%", against: "lru", larder: hitPercent, peer: lru.hitPercent },
  ]);
}

/** One request after the other; the time that loads take passes only on a clock of its own. */
async function play(policy: PolicyName, trace: readonly TracedModel[], outcome: Outcome): Promise<void> {
  const known = new Map(trace.map((model) => [model.name, model]));
  const costOf = ({ model }: ModelKey) => known.get(model) ?? { bytes: 0, loadMs: 0 };
  let loadingMs = 0;
  const clock: Clock = {
    nowS: () => loadingMs / 1000,
    monotonicMs: () => loadingMs,
    sleep: () => new Promise(() => {}),
  };
  const models = createModelCache<object>({
    policy,
    clock,
    countMax: Infinity,
    bytesMax: () => MEMORY_BYTES,
    estimateBytes: (key) => costOf(key).bytes,
    load: (key) => {
      const { bytes, loadMs } = costOf(key);
      loadingMs += loadMs;
      return Promise.resolve({ model: {}, bytes, dispose: () => Promise.resolve() });
    },
  });
  for (const { name } of trace) {
    using _lease = await models.acquire({ model: name, version: "1", variant: "default" });
  }
  outcome.hitPercent.push(models.stats().hit_rate * 100);
  outcome.loadingS.push(loadingMs / 1000);
  await models.close();
}
