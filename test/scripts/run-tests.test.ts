import { expect, test } from "bun:test";
import { countTests, summarize } from "../../scripts/run-tests.ts";

const report = (attributes: string) => `<?xml version="1.0"?>\n<testsuites name="bun test" ${attributes}>\n`;

test("countTests() reads the totals of a report", () => {
  expect(countTests(report(`tests="10" assertions="20" failures="2" skipped="3" time="1.2"`), 1))
    .toEqual({ passed: 5, failed: 2, skipped: 3 });
});

test("countTests() counts a run that ended badly without a failed test as one failure", () => {
  expect(countTests(report(`tests="4" failures="0" skipped="0"`), 1)).toEqual({
    passed: 4,
    failed: 1,
    skipped: 0,
  });
  expect(countTests("", 134)).toEqual({ passed: 0, failed: 1, skipped: 0 });
});

test("summarize() names skipped tests only when there are some", () => {
  expect(summarize({ passed: 2, failed: 0, skipped: 0 })).toBe("2 passed, 0 failed");
  expect(summarize({ passed: 2, failed: 1, skipped: 3 })).toBe("2 passed, 1 failed, 3 skipped");
});
