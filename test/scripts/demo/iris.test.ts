import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { IRIS, SPECIES, stratifiedSplit } from "../../../scripts/demo/iris.ts";

const CSV = readFileSync(join(import.meta.dir, "../../../scripts/demo/iris.csv"), "utf8");

/** Means and standard deviations (n - 1) by species as R prints them for its `iris`, which is Fisher's table. */
const PUBLISHED = {
  setosa: [[5.006, 3.428, 1.462, 0.246], [0.3524897, 0.3790644, 0.173664, 0.1053856]],
  versicolor: [[5.936, 2.77, 4.26, 1.326], [0.5161711, 0.3137983, 0.469911, 0.1977527]],
  virginica: [[6.588, 2.974, 5.552, 2.026], [0.6358796, 0.3224966, 0.5518947, 0.2746501]],
} as const;

SPECIES.forEach((name, species) => {
  test(`50 ${name} have the published means and deviations`, () => {
    const flowers = IRIS.filter((sample) => sample.species === species);
    expect(flowers).toHaveLength(50);
    const [means, deviations] = PUBLISHED[name];
    for (let i = 0; i < 4; i++) {
      const values = flowers.map(({ features }) => features[i]!);
      const mean = values.reduce((sum, value) => sum + value) / 50;
      const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
      expect(mean).toBeCloseTo(means[i]!, 9);
      expect(Math.sqrt(squares / 49)).toBeCloseTo(deviations[i]!, 6);
    }
  });
});

test("with the two errors of the UCI repository's copy it is that copy, byte for byte", () => {
  const [, ...lines] = CSV.trim().split("\n");
  expect(lines[34]).toBe("4.9,3.1,1.5,0.2,setosa");
  expect(lines[37]).toBe("4.9,3.6,1.4,0.1,setosa");
  lines[34] = lines[37] = "4.9,3.1,1.5,0.1,setosa";
  const copy = lines.map((line) => `${line.replace(/,(?=[a-z])/, ",Iris-")}\n`).join("") + "\n";
  // The published SHA-256 of iris.data.
  expect(createHash("sha256").update(copy).digest("hex")).toBe(
    "6f608b71a7317216319b4d27b4d9bc84e6abd734eda7872b71a458569e2656c0",
  );
});

test("stratifiedSplit() uses every flower once and takes as many of each species", () => {
  const { train, test } = stratifiedSplit(IRIS, 15, 1);
  expect(new Set([...train, ...test])).toEqual(new Set(IRIS));
  expect(train.length + test.length).toBe(150);
  for (const species of [0, 1, 2]) {
    expect(test.filter((sample) => sample.species === species)).toHaveLength(15);
  }
});

test("stratifiedSplit() chooses by the seed alone", () => {
  expect(stratifiedSplit(IRIS, 15, 1)).toEqual(stratifiedSplit(IRIS, 15, 1));
  expect(stratifiedSplit(IRIS, 15, 2)).not.toEqual(stratifiedSplit(IRIS, 15, 1));
});
