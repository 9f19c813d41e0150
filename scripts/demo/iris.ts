import { readFileSync } from "node:fs";
import { join } from "node:path";
import { seededRandom, shuffled } from "./random.ts";

export const FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"] as const;
export const SPECIES = ["setosa", "versicolor", "virginica"] as const;

/** A flower. */
export interface Sample {
  /** In order of {@link FEATURES}, centimetres. */
  readonly features: readonly number[];
  /** Index into {@link SPECIES}. */
  readonly species: number;
}

/**
 * The 150 flowers, 50 of each species, as R. A. Fisher printed them (The use of multiple measurements in taxonomic problems, Annals of
 * Eugenics 7, 1936, table I). The copy of the UCI repository differs in two setosa: its 35th has a petal width of 0.1 instead of 0.2, its 38th
 * a sepal width of 3.1 instead of 3.6 and a petal length of 1.5 instead of 1.4.
 */
export const IRIS: readonly Sample[] = readFileSync(join(import.meta.dir, "iris.csv"), "utf8").trim().split(
  "\n",
).slice(1).map((line) => {
  const cells = line.split(",");
  return {
    features: cells.slice(0, FEATURES.length).map(Number),
    species: SPECIES.findIndex((name) => name === cells.at(-1)),
  };
});

export interface Split {
  readonly train: readonly Sample[];
  readonly test: readonly Sample[];
}

/** Takes the same number of each species for testing, chosen by the seed. */
export function stratifiedSplit(samples: readonly Sample[], testPerSpecies: number, seed: number): Split {
  const below = seededRandom(seed);
  const groups = SPECIES.map((_, species) =>
    shuffled(samples.filter((sample) => sample.species === species), below)
  );
  return {
    train: groups.flatMap((group) => group.slice(testPerSpecies)),
    test: groups.flatMap((group) => group.slice(0, testPerSpecies)),
  };
}
