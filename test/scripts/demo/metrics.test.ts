import { expect, test } from "bun:test";
import { argMax, measure } from "../../../scripts/demo/metrics.ts";

test("measure() gives accuracy, the mean F1 and the mean loss", () => {
  const metrics = measure([0, 0, 1, 2], [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0, 1, 0], [0.25, 0.25, 0.5]]);
  // F1 by class: 2·1/(1+2), 2·1/(2+1), 2·1/(1+1). Losses: ln 2, ln 4, 0, ln 2.
  expect(metrics).toEqual({ accuracy: 0.75, f1: 0.777778, log_loss: 0.693147 });
});

test("measure() gives a finite loss when the right class was called impossible", () => {
  // -ln(2^-52)
  expect(measure([0], [[0, 1]])).toEqual({ accuracy: 0, f1: 0, log_loss: 36.043653 });
});

test("argMax() takes the first of equals", () => {
  expect(argMax([0.25, 0.5, 0.5])).toBe(1);
});
