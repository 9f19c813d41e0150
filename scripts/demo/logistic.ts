import { type Sample, SPECIES } from "./iris.ts";
import { mean } from "./metrics.ts";

/** Softmax of `features · weights + bias`. All numbers are 32-bit floats. */
export interface LogisticModel {
  /** By feature, then species. */
  readonly weights: ReadonlyArray<readonly number[]>;
  /** By species. */
  readonly bias: readonly number[];
}

const STEPS = 20_000;
/** Weights are rounded to so many decimals: what the last bits of a platform's `exp` decide is left out. */
const DECIMALS = 5;

/**
 * Multinomial logistic regression on standardised features, the sum of the losses plus half the square of the weights (not of the
 * bias) at its minimum. It finds that by gradient descent; the standardisation ends up in the weights, so the model takes centimetres.
 */
export function trainLogistic(samples: readonly Sample[]): LogisticModel {
  const scales = scalesOf(samples);
  const rows = samples.map(({ features }) => features.map((value, i) => scales[i]!.apply(value)));
  const { weights, bias } = descend(rows, samples.map(({ species }) => species));
  const scaled = weights.map((row, i) => row.map((weight) => weight / scales[i]!.deviation));
  const moved = bias.map((value, species) =>
    value - scales.reduce((sum, scale, i) => sum + scaled[i]![species]! * scale.mean, 0)
  );
  return { weights: scaled.map((row) => row.map(settled)), bias: moved.map(settled) };
}

/** The probability of each species. */
export function predictLogistic({ weights, bias }: LogisticModel, features: readonly number[]): number[] {
  return softmax(
    bias.map((value, species) =>
      value + features.reduce((sum, feature, i) => sum + Math.fround(feature) * weights[i]![species]!, 0)
    ),
  );
}

interface Scale {
  readonly mean: number;
  readonly deviation: number;
  apply(value: number): number;
}

/** What makes each feature's mean 0 and its standard deviation 1. */
function scalesOf(samples: readonly Sample[]): Scale[] {
  return samples[0]!.features.map((_, i) => {
    const values = samples.map(({ features }) => features[i]!);
    const middle = mean(values);
    const deviation = Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
    return { mean: middle, deviation, apply: (value) => (value - middle) / deviation };
  });
}

function descend(rows: ReadonlyArray<readonly number[]>, species: readonly number[]): LogisticModel {
  const features = rows[0]!.length;
  const weights = Array.from({ length: features }, () => SPECIES.map(() => 0));
  const bias = SPECIES.map(() => 0);
  // Half the sum of all squares bounds the curvature of the losses, so this step never goes too far.
  const step = 1 / (1 + rows.length * (features + 1) / 2);
  for (let turn = 0; turn < STEPS; turn++) {
    const slope = weights.map((row) => [...row]);
    const biasSlope = SPECIES.map(() => 0);
    rows.forEach((row, at) => {
      const given = softmax(
        bias.map((value, one) => row.reduce((sum, x, i) => sum + x * weights[i]![one]!, value)),
      );
      given.forEach((probability, one) => {
        const excess = probability - (species[at] === one ? 1 : 0);
        biasSlope[one]! += excess;
        row.forEach((x, i) => slope[i]![one]! += x * excess);
      });
    });
    slope.forEach((row, i) => row.forEach((value, one) => weights[i]![one]! -= step * value));
    biasSlope.forEach((value, one) => bias[one]! -= step * value);
  }
  return { weights, bias };
}

function softmax(scores: readonly number[]): number[] {
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function settled(value: number): number {
  return Math.fround(Number(value.toFixed(DECIMALS)));
}
