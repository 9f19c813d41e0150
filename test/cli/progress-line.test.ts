import { expect, test } from "bun:test";
import { formatBars, formatProgress, type Progress, progressOfPull } from "../../src/cli/progress-line.ts";
import { COMMIT, PULL } from "./views.ts";

const HALF: Progress = {
  name: "iris@1.0.0",
  bytesDone: 5 * 1024 * 1024,
  bytesTotal: 10 * 1024 * 1024,
  rateBytesPerS: 1024 * 1024,
  etaS: 5,
};

function formatBar(progress: Progress, columns: number): string {
  return formatBars([progress], columns)[0] ?? "";
}

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

test("bars stand below each other, each with what is known of it", () => {
  const part = { ...HALF, rateBytesPerS: null, etaS: null };
  expect(formatBars([HALF, { ...part, name: "  a.gguf" }, { ...part, name: "  b", bytesTotal: null }], 120))
    .toEqual([
      "iris@1.0.0  [===============               ]   50%  5.0 MiB / 10.0 MiB  1.0 MiB/s  ETA 5s",
      "  a.gguf    [===============               ]   50%  5.0 MiB / 10.0 MiB",
      "  b         5.0 MiB",
    ]);
});

test("in a narrow terminal the name gives way to the bar", () => {
  const line = formatBar({ ...HALF, name: "onnx-community/a-model-with-a-long-name:q4f16" }, 80);
  expect(line).toBe("onnx-community/a-mo…  [=====     ]   50%  5.0 MiB / 10.0 MiB  1.0 MiB/s  ETA 5s");
});

const FILE = PULL.files[0] as typeof PULL.files[0] & object;

function filesOf(count: number, running: number) {
  return Array.from({ length: count }, (_, at) => ({
    ...FILE,
    path: `onnx/part-${at}.onnx`,
    state: at < running ? "running" as const : "queued" as const,
  }));
}

test.each<[number, number, string[]]>([
  [1, 1, []],
  [2, 1, ["  part-0.onnx", "  part-1.onnx"]],
  [8, 1, Array.from({ length: 8 }, (_, at) => `  part-${at}.onnx`)],
  [9, 2, ["  part-0.onnx", "  part-1.onnx"]],
  [1200, 3, ["  part-0.onnx", "  part-1.onnx", "  part-2.onnx"]],
])("of %d files, %d of them running, these have a bar: %j", (count, running, names) => {
  const [whole, ...parts] = progressOfPull({ ...PULL, files: filesOf(count, running) });
  expect(whole).toEqual({
    name: "iris@1.0.0",
    bytesDone: 512,
    bytesTotal: 1024,
    rateBytesPerS: 256,
    etaS: 2,
  });
  expect(parts.map(({ name }) => name)).toEqual(names);
});

test.each([
  [{ model: "acme/tiny", version: COMMIT, variant: "Q4_K_M" }, "acme/tiny:Q4_K_M"],
  [{ model: "acme/tiny", version: COMMIT, variant: "default" }, "acme/tiny"],
  [{ model: "acme/tiny", version: null, variant: "" }, "acme/tiny"],
  [{ model: "acme/tiny", version: "1.0", variant: "q4" }, "acme/tiny@1.0"],
])("%j is called %s while it runs", (view, name) => {
  expect(progressOfPull({ ...PULL, ...view })[0].name).toBe(name);
});
