import type { OptionValues } from "../options-types.ts";

/** Settings that are measured, the last one of them to confirm the best. */
export const CANDIDATES_MAX = 12;
/** A setting that takes more of the present one's time is not worth a change. */
export const RATIO_MAX = 0.95;
/** Nor is one that was faster in a smaller part of all runs: on a machine that does other things too, chance makes half of them so. */
const FASTER_MIN = 0.75;

export interface Dimension {
  readonly name: string;
  readonly values: readonly (string | number | boolean)[];
}

export interface Measured {
  /** How long a setting takes, as a part of what the present one takes. */
  readonly ratio: number;
  /** In which part of its runs it was faster. */
  readonly faster: number;
}

/**
 * Undefined when it cannot be told.
 *
 * @param confirms It is the best so far, measured again.
 */
export type Measure = (options: OptionValues, confirms: boolean) => Promise<Measured | undefined>;

export interface Choice {
  readonly options: OptionValues;
  readonly ratio: number;
}

/**
 * The best setting, one dimension after the other from the present one: what was best in one is kept in the next. Among many that are
 * the same, the luckiest looks better than it is, so it has to be better a second time.
 *
 * @param isOver No new setting is to be begun.
 * @returns Undefined when nothing is better than the present one.
 */
export async function searchBest(
  present: OptionValues,
  dimensions: readonly Dimension[],
  measure: Measure,
  isOver: () => boolean,
): Promise<Choice | undefined> {
  let best: Choice = { options: present, ratio: 1 };
  let left = CANDIDATES_MAX - 1;
  for (const { name, values } of dimensions) {
    const from = best.options;
    for (const value of values) {
      if (value === from[name]) continue;
      if (left-- <= 0 || isOver()) break;
      const options = { ...from, [name]: value };
      const measured = await measure(options, false);
      if (measured !== undefined && measured.ratio < best.ratio) best = { options, ratio: measured.ratio };
    }
  }
  if (best.ratio > RATIO_MAX) return undefined;
  const again = await measure(best.options, true);
  const isBetter = again !== undefined && again.ratio <= RATIO_MAX && again.faster >= FASTER_MIN;
  return isBetter ? { options: best.options, ratio: again.ratio } : undefined;
}
