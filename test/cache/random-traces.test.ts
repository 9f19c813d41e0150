import { expect, test } from "bun:test";
import { type Lease, POLICY_NAMES, type PolicyName } from "../../src/cache/index.ts";
import { type FakeModel, key, type Setup, setUp } from "./fake-models.ts";
import { pseudoRandom } from "./pseudo-random.ts";

const STEPS = 600;
const NAMES = 12;
const BYTES_MAX = 100;
const SEEDS = [11, 12, 13, 14, 15, 16, 17, 18];

/** One run: a few callers, an owner and a world that do something at random, one after the other. */
class Trace {
  readonly leases: Lease<FakeModel>[] = [];
  readonly answers: Promise<unknown>[] = [];
  readonly pins = new Set<string>();
  readonly #random: () => number;

  constructor(readonly setup: Setup, seed: number, private readonly replaces: boolean) {
    this.#random = pseudoRandom(seed);
    for (let name = 0; name < NAMES; name++) setup.models.bytes.set(`m${name}`, 5 + this.#below(50));
    setup.models.holdsLoads = true;
  }

  async step(): Promise<void> {
    const { cache, models, clock } = this.setup;
    const [dice, name] = [this.#random(), `m${Math.floor(this.#random() ** 2 * NAMES)}`];
    if (dice < 0.4) this.#acquire(name);
    else if (dice < 0.62) this.leases.splice(this.#below(this.leases.length), 1)[0]?.release();
    else if (dice < 0.8) models.running.get(this.#runningName())?.result.resolve();
    else if (dice < 0.84) models.running.get(this.#runningName())?.result.reject(new Error("broken"));
    else if (dice < 0.87) cache.evict(key(name));
    else if (dice < 0.9) this.#pin(name);
    else if (dice < 0.93 && this.replaces) {
      this.answers.push(cache.replace(key(name), key(`m${this.#below(NAMES)}`)));
    } else if (dice < 0.95) models.losers.get(`${name}@1`)?.(new Error("lost"));
    else await clock.advance(this.#below(1500));
    this.answers.at(-1)?.catch(
      () => {/* refusals are part of the game; what must hold is looked at after each step */},
    );
    if (this.#random() < 0.7) await models.settle();
  }

  /** Everybody leaves; every load ends. */
  async end(): Promise<void> {
    const { cache, models } = this.setup;
    const closing = cache.close();
    models.holdsLoads = false;
    for (const running of models.running.values()) running.result.resolve();
    await Promise.allSettled(this.answers);
    for (const lease of this.leases) lease.release();
    await closing;
  }

  #acquire(name: string): void {
    const acquired = this.setup.cache.acquire(key(name), { deadlineMs: 2000 });
    this.answers.push(acquired.then((lease) => this.leases.push(lease)));
  }

  #pin(name: string): void {
    if (this.pins.size < 2) {
      this.pins.add(name);
      return this.setup.cache.pin(key(name));
    }
    for (const pinned of this.setup.cache.stats().pins) {
      this.setup.cache.unpin(key(pinned.split("@")[0] ?? ""));
    }
    this.pins.clear();
  }

  #runningName(): string {
    const names = [...this.setup.models.running.keys()];
    return names[this.#below(names.length)] ?? "";
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

const CASES = POLICY_NAMES.flatMap((policy, index) =>
  SEEDS.map((seed): [PolicyName, number] => [policy, seed * 100 + index])
);

test.each(CASES)("whatever happens, %s keeps its bounds and its promises, seed %d", async (policy, seed) => {
  const countMax = 2 + seed % 4;
  const setup = setUp({
    policy,
    countMax,
    bytesMax: () => BYTES_MAX,
    loadsAtOnce: 1 + seed % 3,
    waitersMax: 20,
    crashLimit: 1000,
    failureBackoff: { baseMs: 100, maxMs: 400 },
    ttlS: 20,
    keepAliveS: seed % 2 === 0 ? 5 : null,
  });
  const { cache, models, evicted, events } = setup;
  // A successor is loaded beside the old one, above the count; without any the count is never exceeded.
  const replaces = seed % 200 < 100;
  const trace = new Trace(setup, seed, replaces);
  for (let step = 0; step < STEPS; step++) {
    await trace.step();
    const { cached_models, loading_models, bytes, waiting } = cache.stats();
    const idle = cached_models.filter(({ leases, pinned }) => leases === 0 && !pinned);
    const loading = loading_models.filter(({ state }) => state === "loading");
    // No model of an estimate that holds ever takes what is not there.
    expect(models.bytesTaken).toBeLessThanOrEqual(BYTES_MAX);
    expect(bytes).toBeLessThanOrEqual(BYTES_MAX);
    if (!replaces) expect(cached_models.length + loading.length).toBeLessThanOrEqual(countMax);
    if (idle.length > 0 && loading.length === 0) {
      expect(cached_models.length).toBeLessThanOrEqual(countMax);
    }
    expect(loading.length).toBeLessThanOrEqual(cache.settings.loadsAtOnce);
    if (!replaces) expect(waiting).toBeLessThanOrEqual(20);
    for (const { model } of trace.leases) expect(model.isDisposed).toBe(false);
    expect(models.mostOfOneKey).toBeLessThanOrEqual(1);
  }
  const automatic = events.flatMap((event) =>
    event.type === "evicted" && ["room", "limits", "idle", "expired"].includes(event.reason) ? [event] : []
  );
  expect(automatic.every(({ leases }) => leases === 0)).toBe(true);
  await trace.end();
  expect(models.inMemory.size).toBe(0);
  // FakeModels throws when one is disposed of twice, and that would be told.
  expect(events.filter(({ type }) => type === "dispose_failed")).toEqual([]);
  expect(evicted().length).toBeGreaterThan(20);
});
