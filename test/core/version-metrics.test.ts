import { expect, test } from "bun:test";
import { bestMetricOf, LarderError, parseMetricName, parseMetrics } from "../../src/core/index.ts";

function codeOf(work: () => unknown): string {
  try {
    work();
    return "no error";
  } catch (error) {
    return error instanceof LarderError ? error.code : String(error);
  }
}

test.each(["f1", "log_loss", "ndcg@10", "top-5", "R2", "mAP@0.5", "a".repeat(64)])(
  "%s is a metric",
  (name) => {
    expect(parseMetricName(name)).toBe(name);
  },
);

test.each(["", "1st", "_x", "a b", "a=1", "é", "__proto__", "a\n", "a/b", "a".repeat(65)])(
  "%j is no metric",
  (name) => {
    expect(codeOf(() => parseMetricName(name))).toBe("BAD_NAME");
  },
);

test("parseMetrics() takes finite numbers only, and not too many", () => {
  expect(parseMetrics({ f1: 0.97, mae: -0, size: 1e300 })).toEqual({ f1: 0.97, mae: -0, size: 1e300 });
  for (const value of [NaN, Infinity, -Infinity, "1" as never, null as never]) {
    expect(codeOf(() => parseMetrics({ f1: value }))).toBe("BAD_INPUT");
  }
  expect(codeOf(() => parseMetrics({ "not ok": 1 }))).toBe("BAD_NAME");
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`m${i}`, i]));
  expect(Object.keys(parseMetrics(many(100)))).toHaveLength(100);
  expect(codeOf(() => parseMetrics(many(101)))).toBe("BAD_INPUT");
});

test("bestMetricOf() knows errors from scores, and believes the user", () => {
  const better = (metric: string) => bestMetricOf(metric).better;
  expect(["f1", "roc_auc", "accuracy", "speed"].map(better)).toEqual([
    "higher",
    "higher",
    "higher",
    "higher",
  ]);
  expect(["log_loss", "rmse", "mae"].map(better)).toEqual(["lower", "lower", "lower"]);
  expect(bestMetricOf("f1", "lower")).toEqual({ metric: "f1", better: "lower" });
  expect(bestMetricOf("latency_ms", "lower")).toEqual({ metric: "latency_ms", better: "lower" });
});
