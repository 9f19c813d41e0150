import { expect, test } from "bun:test";
import { judge, median, quantile } from "../../../scripts/bench/shared/stats.ts";

test("the median of an even number of values is between the two in the middle", () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([9, 1, 5])).toBe(5);
  expect(() => median([])).toThrow(RangeError);
});

test("a quantile is one of the values, by nearest rank", () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(quantile(hundred, 0.99)).toBe(99);
  expect(quantile(hundred, 1)).toBe(100);
  expect(quantile([7], 0.5)).toBe(7);
});

test("judge() compares medians and shows the median of the rounds' ratios beside it", () => {
  const row = { what: "a pull", unit: "s", larder: [1, 2, 6], peer: [2, 8, 4] } as const;
  expect(judge({ ...row, aim: { atMost: 0.5 } })).toEqual({
    larder: 2,
    peer: 4,
    ratio: 0.5,
    pairRatio: 0.5,
    aim: "≤ 0.5",
    met: true,
  });
  expect(judge({ ...row, aim: { atMost: 0.49 } }).met).toBe(false);
  expect(judge({ ...row, aim: { atLeast: 0.51 } }).met).toBe(false);
  expect(judge(row)).toMatchObject({ aim: undefined, met: undefined });
});

test("judge() takes the number itself where there is no peer, and the largest where that is asked for", () => {
  const row = { what: "a pause", unit: "ms", larder: [1, 60, 2] } as const;
  expect(judge({ ...row, aim: { atMost: 50 } })).toMatchObject({ larder: 2, aim: "≤ 50 ms", met: true });
  expect(judge({ ...row, aim: { atMost: 50 }, statistic: "max" })).toMatchObject({ larder: 60, met: false });
});
