import { expect, test } from "bun:test";
import { formatBar, formatProgress, type Progress } from "../../src/cli/progress-line.ts";

const HALF: Progress = {
  name: "iris@1.0.0",
  bytesDone: 5 * 1024 * 1024,
  bytesTotal: 10 * 1024 * 1024,
  rateBytesPerS: 1024 * 1024,
  etaS: 5,
};

test("a line of progress has name, percent, bytes, rate and ETA", () => {
  expect(formatProgress(HALF)).toBe("iris@1.0.0   50%  5.0 MiB / 10.0 MiB  1.0 MiB/s  ETA 5s");
});

test("a bar is filled by the share that is done", () => {
  expect(formatBar(HALF, 120)).toBe(
    "iris@1.0.0  [===============               ]   50%  5.0 MiB / 10.0 MiB  1.0 MiB/s  ETA 5s",
  );
});

test("100 % is shown when nothing is missing and not before", () => {
  expect(formatProgress({ ...HALF, bytesDone: 10 * 1024 * 1024 - 1 })).toContain(" 99%");
  expect(formatProgress({ ...HALF, bytesDone: 10 * 1024 * 1024 })).toContain("100%");
});

test("an empty file is done", () => {
  expect(formatProgress({ ...HALF, bytesDone: 0, bytesTotal: 0 })).toContain("100%");
});

test("without a total there is neither bar nor percent", () => {
  const line = formatBar({ ...HALF, bytesTotal: null, etaS: null }, 120);
  expect(line).toBe("iris@1.0.0  5.0 MiB  1.0 MiB/s");
});

test("nothing is wider than the terminal, whatever the name", () => {
  for (const name of ["模".repeat(200), "x".repeat(200), "é\u0301".repeat(50)]) {
    for (const columns of [20, 40, 80, 200]) {
      expect(Bun.stringWidth(formatBar({ ...HALF, name }, columns))).toBeLessThan(columns);
    }
  }
});

test("a hostile name is shown escaped", () => {
  expect(formatBar({ ...HALF, name: "a\u001b[2J" }, 120)).not.toContain("\u001b");
});
