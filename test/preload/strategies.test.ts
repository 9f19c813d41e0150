import { expect, test } from "bun:test";
import type { FoundVariant, UseHistory } from "../../src/library/index.ts";
import { type Candidate, type Ranked, STRATEGY, type StrategyName } from "../../src/preload/index.ts";

const MIB = 2 ** 20;
const NO_HISTORY: UseHistory = { hours: [], follows: [] };
/** 5 January 2026 was a Monday. */
const MONDAY_9 = new Date(2026, 0, 5, 9, 30).getTime() / 1000;
const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;

interface Given extends Partial<Candidate> {
  readonly sizeMiB: number;
  readonly count?: number;
  readonly usedAtS?: number;
}

function candidate(model: string, { sizeMiB, count = 0, usedAtS = 0, ...rest }: Given): Candidate {
  const found: FoundVariant = {
    ...{ model, version: "1", variant: "default" },
    ...{ sizeBytes: sizeMiB * MIB, count, usedAtS },
  };
  return { reference: model, origin: "user", priority: 0, addedAtS: 0, found, ...rest };
}

/** As it might stand in a queue at 1000 s; `gone` is not here. */
const QUEUE: readonly Candidate[] = [
  candidate("urgent", { addedAtS: 40, sizeMiB: 40, count: 1, usedAtS: 90, priority: 1 }),
  candidate("small", { addedAtS: 20, sizeMiB: 8, count: 50, usedAtS: 280 }),
  candidate("recent", { addedAtS: 10, sizeMiB: 30, count: 5, usedAtS: 940 }),
  candidate("unused", { addedAtS: 30, sizeMiB: 20 }),
  { reference: "gone", origin: "user", priority: 0, addedAtS: 50 },
];

function order(strategy: StrategyName, queue = QUEUE): string[] {
  return STRATEGY[strategy](queue, NO_HISTORY, 1000).map(({ reference }) => reference);
}

function find(ranked: readonly Ranked[], reference: string): Ranked | undefined {
  return ranked.find((one) => one.reference === reference);
}

test.each<[StrategyName, string[]]>([
  ["sequential", ["urgent", "recent", "small", "unused", "gone"]],
  ["frequency", ["urgent", "small", "recent", "unused", "gone"]],
  ["recency", ["urgent", "recent", "small", "unused", "gone"]],
  ["size", ["urgent", "small", "unused", "recent", "gone"]],
])("%s orders a queue, after the priority that users gave", (strategy, expected) => {
  expect(order(strategy)).toEqual(expected);
  expect(order(strategy, QUEUE.toReversed())).toEqual(expected);
});

test.each<[StrategyName, string, number, string]>([
  ["sequential", "small", 4 / 6, "was added as number 2 of 5"],
  ["frequency", "small", 50 / 51, "was used 50 times"],
  ["frequency", "urgent", 1 / 2, "was used 1 time"],
  ["frequency", "unused", 0, "was never used"],
  // An hour is 60 min of 60 s: 720 s are a fifth of one.
  ["recency", "small", 1 / 2.2, "was used 12 min ago"],
  ["recency", "gone", 0, "was never used"],
  ["size", "small", 1 / 10, "has 8388608 bytes"],
  ["size", "gone", 0, "has no known size"],
])("%s says what it makes of %s and why", (strategy, reference, score, reason) => {
  const one = find(STRATEGY[strategy](QUEUE, NO_HISTORY, 1000), reference);
  expect(one?.reason).toBe(reason);
  expect(one?.score).toBeCloseTo(score, 12);
});

test("what was loaded before a restart says so, whatever the strategy", () => {
  const ranked = STRATEGY.size([candidate("a", { sizeMiB: 1, origin: "restart" })], NO_HISTORY, 0);
  expect(ranked[0]?.reason).toBe("was loaded before the restart");
});

/** Mondays at 9 mostly a and some b; Tuesdays at 9 only c, and most of all. */
const HABITS: UseHistory = {
  hours: [
    { model: "a", variant: "default", hour: 9, count: 30 },
    { model: "b", variant: "default", hour: 9, count: 10 },
    { model: "c", variant: "default", hour: 24 + 9, count: 100 },
  ],
  follows: [
    { model: "c", variant: "default", nextModel: "b", nextVariant: "default", count: 24 },
    { model: "a", variant: "default", nextModel: "c", nextVariant: "default", count: 900 },
  ],
};
const ABC = ["c", "b", "a"].map((model, index) => candidate(model, { sizeMiB: 1, addedAtS: index }));

/** Worked out by hand: shares of few uses are drawn to the more general share with the weight of 8 uses. */
test.each<[string, number, Partial<UseHistory>, Array<[string, number]>]>([
  // a: (30 + 8 · 30/140) / 48, b: (10 + 8 · 10/140) / 48, c: (0 + 8 · 100/140) / 48.
  ["the hour of the week", MONDAY_9, {}, [["a", 0.660714], ["b", 0.220238], ["c", 0.119048]]],
  // Half as good as the hour itself. a: (15 + 8 · 30/140) / 28.
  ["an hour ahead", MONDAY_9 - HOUR_S, {}, [["a", 0.596939], ["c", 0.204082], ["b", 0.19898]]],
  // Nothing is known of Wednesdays, so it is the hour of any day: 100, 30 and 10 of 140.
  ["the hour of the day", MONDAY_9 + 2 * DAY_S, {}, [["c", 0.714286], ["a", 0.214286], ["b", 0.071429]]],
  // Nor is anything known of the evening: everything counts, with the same shares.
  ["all use", MONDAY_9 + 10 * HOUR_S, {}, [["c", 0.714286], ["a", 0.214286], ["b", 0.071429]]],
  // b came 24 times after c: 24 / 32, and with its own share 1 − 0.25 · (1 − 0.220238).
  [
    "what follows what was used last",
    MONDAY_9,
    { last: { model: "c", variant: "default", atS: MONDAY_9 - 60 } },
    [["b", 0.805060], ["a", 0.660714], ["c", 0.119048]],
  ],
  [
    "nothing that was used too long ago",
    MONDAY_9,
    { last: { model: "c", variant: "default", atS: MONDAY_9 - 2 * HOUR_S } },
    [["a", 0.660714], ["b", 0.220238], ["c", 0.119048]],
  ],
])("pattern goes by %s", (_, nowS, more, expected) => {
  const ranked = STRATEGY.pattern(ABC, { ...HABITS, ...more }, nowS);
  expect(ranked.map(({ reference }) => reference)).toEqual(expected.map(([reference]) => reference));
  for (const [reference, score] of expected) expect(find(ranked, reference)?.score).toBeCloseTo(score, 5);
});

test("pattern says why", () => {
  const last = { model: "c", variant: "default", atS: MONDAY_9 };
  const ranked = STRATEGY.pattern([...ABC, candidate("new", { sizeMiB: 1 })], { ...HABITS, last }, MONDAY_9);
  expect(ranked.map(({ reference, reason }) => `${reference} ${reason}`)).toEqual([
    "b follows what was used last in 75 % of all cases",
    "a makes up 66 % of what is used at this time",
    "c makes up 12 % of what is used at this time",
    "new was never used",
  ]);
});

test("the week ends where it begins: what is used on Mondays at 0 is wanted on Sundays at 23", () => {
  const hours = [
    { model: "a", variant: "default", hour: 0, count: 10 },
    { model: "b", variant: "default", hour: 100, count: 30 },
  ];
  const sunday = new Date(2026, 0, 4, 23, 0).getTime() / 1000;
  expect(STRATEGY.pattern(ABC, { hours, follows: [] }, sunday)[0]?.reference).toBe("a");
});
