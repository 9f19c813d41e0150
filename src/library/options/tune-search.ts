import type { OptionValues } from "../options-types.ts";

/** Settings that are measured, the last one of them to confirm the best. */
export const CANDIDATES_MAX = 12;
/** A setting that takes more of the present one's time is not worth a change. */
export const RATIO_MAX = 0.95;

export interface Dimension {
  readonly name: string;
  readonly values: readonly (string | number | boolean)[];
}

/**
 * How long a setting takes, as a part of what the present one takes; undefined when it cannot be told.
 *
 * @param confirms It is the best so far, measured again.
 */
export type Measure = (options: OptionValues, confirms: boolean) => Promise<number | undefined>;

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
      const ratio = await measure(options, false);
      if (ratio !== undefined && ratio < best.ratio) best = { options, ratio };
    }
  }
  if (best.ratio > RATIO_MAX) return undefined;
  const again = await measure(best.options, true);
  return again !== undefined && again <= RATIO_MAX ? { options: best.options, ratio: again } : undefined;
}
