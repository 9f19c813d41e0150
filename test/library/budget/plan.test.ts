import { describe, expect, test } from "bun:test";
import { diskOrder, type StoredVariant } from "../../../src/library/budget/order.ts";
import { type EvictionFacts, type Holder, planEviction } from "../../../src/library/budget/plan.ts";
import type { DiskPolicy } from "../../../src/library/index.ts";
import { digestOf } from "../../helpers/digest.ts";

const DAY_S = 86_400;
const NOW_S = 100 * DAY_S;

/** A variant `v` of the version 1 of a model. */
function stored(model: string, known: Partial<StoredVariant> = {}): StoredVariant {
  const place = { model, version: "1", variant: "v" };
  return { ...place, count: 1, usedAtS: 0, arrivedAtS: 0, sizeBytes: 10, fetchMs: 0, ...known };
}

/** Blobs of variants by name of the model; a name that occurs twice is shared. */
type Content = Readonly<Record<string, Readonly<Record<string, number>>>>;

interface Circumstances {
  readonly kept?: Readonly<Record<string, string>>;
  readonly held?: readonly string[];
  readonly sourceless?: readonly string[];
}

function facts(
  content: Content,
  { kept = {}, held = [], sourceless = [] }: Circumstances = {},
): EvictionFacts {
  const holdersOf = (name: string): Holder[] =>
    Object.keys(content).filter((model) => content[model]?.[name] !== undefined)
      .map((model) => ({ model, version: "1", variants: ["v"] }));
  const names = new Map(
    Object.values(content).flatMap((blobs) => Object.keys(blobs)).map((name) => [digestOf(name), name]),
  );
  return {
    keepReason: ({ model }) => kept[model],
    blobsOf: ({ model }) =>
      Object.entries(content[model] ?? {}).map(([name, sizeBytes]) => ({
        digest: digestOf(name) as never,
        sizeBytes,
      })),
    holdersOf: (digest) => holdersOf(names.get(digest) ?? ""),
    isHeld: (digest) => held.includes(names.get(digest) ?? ""),
    comesBack: ({ model }) => !sourceless.includes(model),
    reason: () => "its turn",
  };
}

const ALONE: Content = { a: { a1: 10 }, b: { b1: 20 }, c: { c1: 30 } };
const ABC = [stored("a"), stored("b"), stored("c")];

function victims(neededBytes: number, given: EvictionFacts, variants = ABC) {
  return planEviction(variants, neededBytes, given).victims.map(({ model, bytes }) => [model, bytes]);
}

describe("planEviction()", () => {
  test("takes as many as are needed, in order, and says who would be next", () => {
    const plan = planEviction(ABC, 25, facts(ALONE));
    expect(plan.victims).toEqual([
      { model: "a", version: "1", variant: "v", bytes: 10, reason: "its turn" },
      { model: "b", version: "1", variant: "v", bytes: 20, reason: "its turn" },
    ]);
    expect(plan.freedBytes).toBe(30);
    expect(plan.next).toEqual([{
      model: "c",
      version: "1",
      variant: "v",
      size_bytes: 10,
      reason: "its turn",
    }]);
    expect(plan.kept).toEqual([]);
  });

  test("takes nobody when nothing is needed", () => {
    expect(victims(0, facts(ALONE))).toEqual([]);
  });

  test("leaves out who may not go, and says why", () => {
    const plan = planEviction(ABC, 1000, facts(ALONE, { kept: { a: "pinned", c: "in use by 2" } }));
    expect(plan.victims.map(({ model }) => model)).toEqual(["b"]);
    expect(plan.freedBytes).toBe(20);
    expect(plan.kept.map(({ model, reason }) => [model, reason])).toEqual([["a", "pinned"], [
      "c",
      "in use by 2",
    ]]);
  });

  test("counts what several share for the last of them", () => {
    const content = { a: { shared: 100, a1: 1 }, b: { shared: 100, b1: 2 }, c: { c1: 30 } };
    expect(victims(50, facts(content))).toEqual([["a", 1], ["b", 102]]);
    expect(victims(1, facts(content))).toEqual([["a", 1]]);
  });

  test("does not take who frees nothing, unless it makes way for another", () => {
    const same = { a: { shared: 100 }, b: { shared: 100 }, c: { c1: 30 } };
    expect(victims(100, facts(same))).toEqual([["a", 0], ["b", 100]]);
    const kept = { kept: { b: "pinned" } };
    expect(victims(20, facts(same, kept))).toEqual([["c", 30]]);
    expect(planEviction(ABC, 20, facts(same, kept)).kept.map(({ model, reason }) => [model, reason])).toEqual(
      [
        ["b", "pinned"],
        ["a", "all of its bytes are needed by others"],
      ],
    );
  });

  test("counts nothing that somebody holds", () => {
    expect(victims(15, facts(ALONE, { held: ["b1"] }))).toEqual([["a", 10], ["c", 30]]);
  });

  test("takes last what cannot be had again from anywhere, and says so", () => {
    const given = facts(ALONE, { sourceless: ["a"] });
    expect(victims(45, given)).toEqual([["b", 20], ["c", 30]]);
    const plan = planEviction(ABC, 55, given);
    expect(plan.victims.map(({ model }) => model)).toEqual(["b", "c", "a"]);
    expect(plan.victims[2]?.reason).toBe("its turn; nowhere to have it from again");
  });

  test("frees bytes with too many names to look at never", () => {
    expect(victims(5, { ...facts(ALONE), holdersOf: () => undefined })).toEqual([]);
  });
});

describe("diskOrder()", () => {
  const VARIANTS = [
    stored("new", { count: 0, usedAtS: 99 * DAY_S, arrivedAtS: 99 * DAY_S, sizeBytes: 40, fetchMs: 100 }),
    stored("old", { count: 9, usedAtS: 10 * DAY_S, arrivedAtS: 1 * DAY_S, sizeBytes: 10, fetchMs: 1000 }),
    stored("rare", { count: 1, usedAtS: 90 * DAY_S, arrivedAtS: 0, sizeBytes: 30, fetchMs: 300 }),
    stored("busy", {
      count: 900,
      usedAtS: 95 * DAY_S,
      arrivedAtS: 0,
      sizeBytes: 50,
      fetchMs: 500,
      loadMs: 500,
    }),
  ];

  // cost in ms × uses a day ÷ bytes: new 100×1÷1÷40 = 2.5, old 1000×9÷99÷10 = 9.1, rare 300×1÷100÷30 = 0.1, busy 1000×9÷50 = 180.
  const EXPECTED: Readonly<Record<DiskPolicy, readonly string[]>> = {
    oldest: ["old", "rare", "busy", "new"],
    least_used: ["new", "rare", "old", "busy"],
    largest: ["busy", "new", "rare", "old"],
    cost: ["rare", "new", "old", "busy"],
  };

  for (const [policy, names] of Object.entries(EXPECTED)) {
    const order = diskOrder(policy as DiskPolicy, NOW_S);

    test(`${policy}: the first to go are ${names.join(", ")}`, () => {
      expect(order.sort(VARIANTS).map(({ model }) => model)).toEqual([...names]);
    });

    test(`${policy}: equals go by name, in whatever order they come`, () => {
      const equals = ["b", "a", "c"].map((model) => stored(model));
      expect(order.sort(equals).map(({ model }) => model)).toEqual(["a", "b", "c"]);
      expect(order.sort(equals.toReversed()).map(({ model }) => model)).toEqual(["a", "b", "c"]);
    });

    test(`${policy}: of two that are alike otherwise the longer unused goes first`, () => {
      const [late, early] = [stored("a", { usedAtS: 2 }), stored("b", { usedAtS: 1 })];
      expect(order.sort([late, early]).map(({ model }) => model)).toEqual(["b", "a"]);
    });

    test(`${policy}: has a reason for everybody`, () => {
      for (const variant of VARIANTS) expect(order.reason(variant)).not.toBe("");
    });
  }

  test("cost: of two used alike the one that is back sooner goes first", () => {
    const order = diskOrder("cost", NOW_S);
    const slow = stored("a", { fetchMs: 10, loadMs: 90 });
    const fast = stored("b", { fetchMs: 50 });
    expect(order.sort([slow, fast]).map(({ model }) => model)).toEqual(["b", "a"]);
  });
});
