import { BEST_METRICS, type BestMetric } from "../core/index.ts";
import { type DatedVersion, latestVersion } from "./latest.ts";

/** One metric of one version. */
export interface MeasuredVersion extends DatedVersion {
  readonly metric: string;
  readonly value: number;
}

/**
 * What `best` stands for: of the versions that have the metric the one with the best value; of equal ones what `latest` would be.
 *
 * @param wanted The metric that the user named; without it the first known one that a version has.
 * @returns Undefined when no version has the metric.
 */
export function bestVersion(
  measured: readonly MeasuredVersion[],
  wanted: BestMetric | undefined,
): { readonly version: string; readonly metric: string } | undefined {
  const chosen = wanted ?? BEST_METRICS.find((one) => measured.some(({ metric }) => metric === one.metric));
  if (chosen === undefined) return undefined;
  const { metric, better } = chosen;
  const candidates = measured.filter((one) => one.metric === metric);
  const values = candidates.map(({ value }) => value);
  const best = better === "higher" ? Math.max(...values) : Math.min(...values);
  const version = latestVersion(candidates.filter(({ value }) => value === best));
  return version === undefined ? undefined : { version, metric };
}
