/** How good a classifier is on flowers that it was not trained on. */
export interface Metrics {
  readonly accuracy: number;
  /** The mean of the F1 scores of the classes. */
  readonly f1: number;
  /** The mean of -ln of the probability that the right class was given; lower is better. */
  readonly log_loss: number;
}

/** Metrics are given to so many decimals: what the last bits of a platform's `exp` and `log` decide is left out. */
const DECIMALS = 6;

/** A right class that was called impossible costs much, but not everything. */
const LEAST = Number.EPSILON;

/** @param expected Classes. @param probabilities Of each class, for each one expected. */
export function measure(
  expected: readonly number[],
  probabilities: ReadonlyArray<readonly number[]>,
): Metrics {
  const predicted = probabilities.map(argMax);
  const right = expected.filter((species, i) => species === predicted[i]).length;
  const classes = [...new Set(expected)];
  const f1s = classes.map((one) => f1Of(one, expected, predicted));
  const losses = expected.map((species, i) => -Math.log(Math.max(probabilities[i]?.[species] ?? 0, LEAST)));
  return {
    accuracy: rounded(right / expected.length),
    f1: rounded(mean(f1s)),
    log_loss: rounded(mean(losses)),
  };
}

/** The first of the greatest. */
export function argMax(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function f1Of(one: number, expected: readonly number[], predicted: readonly number[]): number {
  const hits = expected.filter((species, i) => species === one && predicted[i] === one).length;
  const named = predicted.filter((species) => species === one).length;
  const there = expected.filter((species) => species === one).length;
  return 2 * hits / (named + there);
}

function rounded(value: number): number {
  return Number(value.toFixed(DECIMALS));
}
