import { expect, test } from "bun:test";
import { Ramp, type RampAdvice } from "../../src/download/ramp.ts";

/** Looks at a transfer whose rate depends on its connections; gives how many there were at each look. */
function simulate(
  rateOf: (connections: number) => number,
  options: { readonly looks: number; readonly most?: number },
): number[] {
  const { looks, most = 4 } = options;
  const ramp = new Ramp();
  let connections = 1;
  let fetchedBytes = 0;
  const seen: number[] = [];
  for (let look = 0; look < looks; look++) {
    fetchedBytes += rateOf(connections);
    const advice: RampAdvice = ramp.look(fetchedBytes, connections < most);
    if (advice === "add") connections++;
    if (advice === "alone") connections = 1;
    seen.push(connections);
  }
  return seen;
}

test("where each connection is limited, all that are allowed are opened and stay", () => {
  const seen = simulate((connections) => connections * 100, { looks: 300 });
  expect(seen[3]).toBe(2);
  expect(seen[5]).toBe(4);
  expect(new Set(seen.slice(5))).toEqual(new Set([4]));
});

test("where more connections bring nothing, one is left, and they are tried again later", () => {
  const seen = simulate(() => 100, { looks: 400 });
  expect(Math.max(...seen.slice(0, 10))).toBe(4);
  expect(new Set(seen.slice(20, 110))).toEqual(new Set([1]));
  expect(Math.max(...seen.slice(110, 140))).toBe(4);
});

test("nothing is added before the first byte, nor where the limit is one connection", () => {
  expect(new Set(simulate(() => 0, { looks: 50 }))).toEqual(new Set([1]));
  expect(new Set(simulate((connections) => connections * 100, { looks: 50, most: 1 }))).toEqual(new Set([1]));
});
