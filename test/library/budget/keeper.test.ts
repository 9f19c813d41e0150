import { expect, test } from "bun:test";
import { LocalEvents } from "../../../src/core/index.ts";
import { BudgetKeeper } from "../../../src/library/budget/budget-keeper.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

/** Looks of a keeper: which arrivals each was told of. `hold` lets the next ones wait. */
class Looks {
  readonly seen: string[][] = [];
  readonly clock = new FakeClock();
  readonly events = new LocalEvents();
  held: Promise<void> | undefined;
  failure: Error | undefined;
  isOn = true;
  readonly keeper = new BudgetKeeper(this, this);

  async enforce({ arrived = [] }: { readonly arrived?: ReadonlyArray<{ readonly model: string }> } = {}) {
    this.seen.push(arrived.map(({ model }) => model));
    await this.held;
    if (this.failure !== undefined) throw this.failure;
    return [];
  }

  arrive(model: string): void {
    this.events.emit({ type: "version", model, version: "1" });
  }
}

const NOTHING = () => Promise.resolve();

test("start() looks now and every minute, until it is closed", async () => {
  const looks = new Looks();
  const order: string[] = [];
  looks.keeper.start(async () => void order.push(`first, before ${looks.seen.length} looks`));
  await looks.clock.advance(0);
  expect(order).toEqual(["first, before 0 looks"]);
  expect(looks.seen.length).toBe(1);
  await looks.clock.advance(59_999);
  expect(looks.seen.length).toBe(1);
  await looks.clock.advance(1);
  expect(looks.seen.length).toBe(2);
  await looks.clock.advance(120_000);
  expect(looks.seen.length).toBe(4);
  await looks.keeper.close();
  await looks.clock.advance(600_000);
  expect([looks.seen.length, looks.clock.sleeping]).toEqual([4, 0]);
});

test("every version that comes is followed by a look that spares it; those that come meanwhile share one", async () => {
  const looks = new Looks();
  const hold = Promise.withResolvers<void>();
  looks.held = hold.promise;
  looks.arrive("a");
  await looks.clock.advance(0);
  for (const model of ["b", "c"]) looks.arrive(model);
  hold.resolve();
  await looks.clock.advance(0);
  expect(looks.seen).toEqual([["a"], ["b", "c"]]);
  await looks.keeper.close();
  looks.arrive("d");
  await looks.clock.advance(0);
  expect(looks.seen.length).toBe(2);
});

test("without limits nothing is looked at for what comes", async () => {
  const looks = new Looks();
  looks.isOn = false;
  looks.arrive("a");
  await looks.clock.advance(0);
  expect(looks.seen).toEqual([]);
});

test("a look that fails is not the last", async () => {
  const looks = new Looks();
  looks.failure = new Error("the disk is away");
  looks.keeper.start(NOTHING);
  await looks.clock.advance(0);
  looks.failure = undefined;
  await looks.clock.advance(60_000);
  expect(looks.seen.length).toBe(2);
  await looks.keeper.close();
});

test("close() waits for a look that runs, and no other begins", async () => {
  const looks = new Looks();
  const hold = Promise.withResolvers<void>();
  looks.held = hold.promise;
  looks.arrive("a");
  await looks.clock.advance(0);
  looks.arrive("b");
  let closed = false;
  const closing = looks.keeper.close().then(() => closed = true);
  await looks.clock.advance(0);
  expect(closed).toBe(false);
  hold.resolve();
  await closing;
  expect(looks.seen).toEqual([["a"]]);
});
