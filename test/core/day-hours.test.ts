import { expect, test } from "bun:test";
import { isWithin, parseDayHours } from "../../src/core/index.ts";

function hoursWithin(text: string): number[] {
  const hours = parseDayHours(text);
  if (hours === undefined) throw new Error(`${text} was not read`);
  return Array.from({ length: 24 }, (_, hour) => hour)
    .filter((hour) => isWithin(hours, new Date(2026, 2, 4, hour, 59, 59)));
}

test("hours are those from the first one on and before the last one", () => {
  expect(hoursWithin("1-5")).toEqual([1, 2, 3, 4]);
  expect(hoursWithin("23-24")).toEqual([23]);
  expect(hoursWithin("0-24")).toHaveLength(24);
});

test("hours go over midnight where the last one is the smaller one", () => {
  expect(hoursWithin("22-6")).toEqual([0, 1, 2, 3, 4, 5, 22, 23]);
  expect(hoursWithin("22-0")).toEqual([22, 23]);
});

test("no hours are the whole day", () => {
  expect(hoursWithin("")).toHaveLength(24);
});

test.each(["5", "5-5", "24-5", "1-25", "-1-5", "1-5,7-9", " 1-5", "1:00-5:00", "a-b", "1–5"])(
  "%j is not hours",
  (text) => {
    expect(parseDayHours(text)).toBeUndefined();
  },
);
