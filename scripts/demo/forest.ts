import { type Sample, SPECIES } from "./iris.ts";
import { type RandomBelow, seededRandom, shuffled } from "./random.ts";

/** Its children are asked, or at a leaf the answer is there. */
export type TreeNode = Question | Leaf;

export interface Question {
  readonly feature: number;
  /** A 32-bit float; a value that is not greater goes to `low`. */
  readonly threshold: number;
  readonly low: TreeNode;
  readonly high: TreeNode;
}

export interface Leaf {
  /** Of each species, 32-bit floats; those of one leaf of each tree add up to 1. */
  readonly shares: readonly number[];
}

const TREES = 50;
const DEPTH_MAX = 4;
const LEAF_SAMPLES_MIN = 2;
/** The square root of how many there are. */
const FEATURES_TRIED = 2;

/** A random forest (Breiman 2001): each tree grows from a bootstrap sample and tries two random features at each question. */
export function trainForest(samples: readonly Sample[], seed: number): TreeNode[] {
  const below = seededRandom(seed);
  return Array.from({ length: TREES }, () => {
    const drawn = samples.map(() => samples[below(samples.length)]!);
    return grow(drawn, below, 0);
  });
}

/** The probability of each species. */
export function predictForest(trees: readonly TreeNode[], features: readonly number[]): number[] {
  const values = features.map(Math.fround);
  const leaves = trees.map((tree) => leafOf(tree, values));
  return SPECIES.map((_, species) => leaves.reduce((sum, { shares }) => sum + shares[species]!, 0));
}

function leafOf(node: TreeNode, values: readonly number[]): Leaf {
  if ("shares" in node) return node;
  return leafOf(values[node.feature]! <= node.threshold ? node.low : node.high, values);
}

function grow(samples: readonly Sample[], below: RandomBelow, depth: number): TreeNode {
  const split = depth < DEPTH_MAX ? bestSplit(samples, below) : undefined;
  if (split === undefined) return leaf(samples);
  const { feature, threshold } = split;
  const isLow = (sample: Sample) => Math.fround(sample.features[feature]!) <= threshold;
  return {
    feature,
    threshold,
    low: grow(samples.filter(isLow), below, depth + 1),
    high: grow(samples.filter((sample) => !isLow(sample)), below, depth + 1),
  };
}

function leaf(samples: readonly Sample[]): Leaf {
  return { shares: countsOf(samples).map((count) => Math.fround(count / samples.length / TREES)) };
}

interface Split {
  readonly feature: number;
  readonly threshold: number;
  readonly impurity: number;
}

/** The question that leaves the least Gini impurity; undefined when none makes it less. */
function bestSplit(samples: readonly Sample[], below: RandomBelow): Split | undefined {
  const all = samples[0]!.features.map((_, feature) => feature);
  const tried = shuffled(all, below).slice(0, FEATURES_TRIED);
  let best: Split | undefined;
  for (const split of tried.flatMap((feature) => splitsBy(feature, samples))) {
    if (split.impurity < (best?.impurity ?? impurity(samples))) best = split;
  }
  return best;
}

/** A question between each two values that follow each other, if enough samples are on both sides. */
function splitsBy(feature: number, samples: readonly Sample[]): Split[] {
  const sorted = samples.toSorted((a, b) => a.features[feature]! - b.features[feature]!);
  return sorted.slice(1).flatMap((sample, at) => {
    const [before, after] = [sorted[at]!.features[feature]!, sample.features[feature]!];
    const isAllowed = before < after && Math.min(at + 1, sorted.length - at - 1) >= LEAF_SAMPLES_MIN;
    if (!isAllowed) return [];
    const [low, high] = [sorted.slice(0, at + 1), sorted.slice(at + 1)];
    const threshold = Math.fround((before + after) / 2);
    return [{ feature, threshold, impurity: impurity(low) + impurity(high) }];
  });
}

/** Gini's, times the number of samples. */
function impurity(samples: readonly Sample[]): number {
  const squares = countsOf(samples).reduce((sum, count) => sum + count * count, 0);
  return samples.length - squares / samples.length;
}

function countsOf(samples: readonly Sample[]): number[] {
  return SPECIES.map((_, species) => samples.filter((sample) => sample.species === species).length);
}
