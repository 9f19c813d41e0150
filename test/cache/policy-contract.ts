import { expect, test } from "bun:test";
import type { Candidate, EvictionPolicy, PolicyContext } from "../../src/cache/policies/index.ts";
import { pseudoRandom } from "./pseudo-random.ts";

const SEEDS = [1, 2, 3, 4, 5];
const STEPS = 3000;
const CAPACITY = 5;
const NAMES = 30;

type Mutable = { -readonly [K in keyof Candidate]: Candidate[K] };

/** What a cache does with a policy, as simple as can be. */
class Bench {
  readonly here = new Map<string, Mutable>();
  readonly victims: string[] = [];
  nowMs = 0;
  #order = 0;

  constructor(readonly policy: EvictionPolicy) {}

  ask(id: string): void {
    this.nowMs += 100;
    const known = this.here.get(id);
    if (known === undefined) return this.#load(id);
    known.uses++;
    known.useOrder = ++this.#order;
    known.usedAtMs = this.nowMs;
    this.policy.used(known);
  }

  takeOut(id: string): void {
    const candidate = this.here.get(id);
    if (candidate === undefined) return;
    this.here.delete(id);
    this.policy.removed(candidate, false);
  }

  order(among = [...this.here.values()]): string[] {
    return this.policy.order(among, this.nowMs).map(({ id }) => id);
  }

  #load(id: string): void {
    this.policy.missed(id);
    if (this.here.size >= CAPACITY) this.#evict(id);
    const size = id.length * 7 + Number(id.slice(1));
    const order = ++this.#order;
    const loaded = {
      id,
      bytes: size,
      loadMs: 1000 / size,
      loadedAtMs: this.nowMs,
      loadOrder: order,
      uses: 1,
      useOrder: order,
      usedAtMs: this.nowMs,
      rank: 0,
    };
    this.here.set(id, loaded);
    this.policy.added(loaded);
  }

  #evict(incoming: string): void {
    const [victim] = this.policy.order([...this.here.values()], this.nowMs, incoming);
    if (victim === undefined) throw new Error("nobody goes");
    this.here.delete(victim.id);
    this.victims.push(victim.id);
    this.policy.removed(victim, true);
  }
}

/** What every policy promises, whatever it decides. */
export function testPolicy(name: string, make: (context: PolicyContext) => EvictionPolicy): void {
  const newBench = () => new Bench(make({ ttlMs: () => 900, capacity: () => CAPACITY }));
  const play = (bench: Bench, seed: number, look: (bench: Bench) => void = () => {}) => {
    const random = pseudoRandom(seed);
    for (let step = 0; step < STEPS; step++) {
      const id = `m${Math.floor(random() ** 2 * NAMES)}`;
      if (random() < 0.05) bench.takeOut(id);
      else bench.ask(id);
      look(bench);
    }
    return bench.victims;
  };

  test.each(SEEDS)(`${name}: the same events give the same victims, seed %d`, (seed) => {
    const victims = play(newBench(), seed);
    expect(victims.length).toBeGreaterThan(STEPS / 20);
    expect(play(newBench(), seed)).toEqual(victims);
  });

  test.each(SEEDS)(`${name}: asking for the order changes nothing, seed %d`, (seed) => {
    const victims = play(newBench(), seed);
    expect(play(newBench(), seed, (bench) => bench.order())).toEqual(victims);
  });

  test.each(SEEDS)(`${name}: the order is of all that were given and of nothing else, seed %d`, (seed) => {
    play(newBench(), seed, (bench) => {
      const some = [...bench.here.values()].filter(({ loadOrder }) => loadOrder % 3 > 0);
      expect(bench.order(some).sort()).toEqual(some.map(({ id }) => id).sort());
    });
  });

  test(`${name}: one that is taken out may come again`, () => {
    const bench = newBench();
    for (const id of ["m1", "m2", "m1"]) bench.ask(id);
    bench.takeOut("m1");
    expect(bench.order()).toEqual(["m2"]);
    bench.ask("m1");
    expect(bench.order().sort()).toEqual(["m1", "m2"]);
  });

  test(`${name}: it says something of everyone who is here`, () => {
    const bench = newBench();
    for (const id of ["m1", "m2", "m1"]) bench.ask(id);
    for (const candidate of bench.here.values()) {
      expect(bench.policy.reason(candidate, bench.nowMs)).not.toBeEmpty();
    }
  });
}
