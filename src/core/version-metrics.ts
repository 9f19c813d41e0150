import { LarderError } from "./errors.ts";

/** How good a version is, as whoever made it measured: `f1`, `log_loss`. Finite numbers by name. */
export type VersionMetrics = Readonly<Record<string, number>>;

/** By which metric the version is chosen that `best` stands for. */
export interface BestMetric {
  readonly metric: string;
  readonly better: "higher" | "lower";
}

/**
 * What `best` goes by when nobody said it: the first of these that a version of the model has. Scores of classifiers are before errors of
 * regressions.
 */
export const BEST_METRICS: readonly BestMetric[] = [
  { metric: "f1", better: "higher" },
  { metric: "roc_auc", better: "higher" },
  { metric: "accuracy", better: "higher" },
  { metric: "log_loss", better: "lower" },
  { metric: "rmse", better: "lower" },
  { metric: "mae", better: "lower" },
];

export const METRICS_MAX = 100;

const NAME = /^[A-Za-z][A-Za-z0-9._@-]{0,63}$/;

/** @throws {LarderError} BAD_NAME */
export function parseMetricName(text: string, field = "metric"): string {
  if (NAME.test(text)) return text;
  throw new LarderError("BAD_NAME", `Cannot use metric ${JSON.stringify(text.slice(0, 80).toWellFormed())}`, {
    field,
    hint: 'Allowed: 1 to 64 letters, digits, ".", "_", "@" and "-", a letter first.',
  });
}

/** Metrics that a user gives. @throws {LarderError} BAD_NAME; BAD_INPUT for a value that is no finite number, and for too many */
export function parseMetrics(given: VersionMetrics): VersionMetrics {
  const entries = Object.entries(given);
  if (entries.length > METRICS_MAX) {
    throw new LarderError("BAD_INPUT", `Cannot keep more than ${METRICS_MAX} metrics of a version`, {
      field: "metrics",
    });
  }
  for (const [name, value] of entries) {
    parseMetricName(name, "metrics");
    if (Number.isFinite(value)) continue;
    throw new LarderError("BAD_INPUT", `Cannot use ${value} for metric ${name}`, {
      field: `metrics.${name}`,
      hint: "Give a finite number.",
    });
  }
  return Object.fromEntries(entries);
}

/** @param better As the user says; else what is known of the metric, and of any other that higher is better. */
export function bestMetricOf(metric: string, better?: BestMetric["better"]): BestMetric {
  const known = BEST_METRICS.find((one) => one.metric === metric);
  return { metric, better: better ?? known?.better ?? "higher" };
}
