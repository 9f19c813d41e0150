import { modelTrace, pseudoRandom, type TracedModel, tracedModel, zipf } from "./model-trace.ts";

export interface TimedRequest {
  /** Unix seconds. */
  readonly atS: number;
  readonly model: TracedModel;
}

export const [HOUR_S, DAY_S] = [3600, 86_400];
/** A Monday at 0:00 local time. */
export const MONDAY_S = new Date(2026, 0, 5).getTime() / 1000;
const MODELS = 120;
/** From an hour of the day on: how many requests an hour brings, until the next part of the day. */
const PARTS = [[0, 2], [7, 20], [9, 60], [12, 30], [14, 60], [18, 20], [22, 6]] as const;
const WORKDAYS = 5;
/** On Mondays a job goes through models that are hardly used otherwise. */
const [JOB_HOUR, JOB_MODELS] = [6, 20];
const STEADY_EVERY_S = 60;

/**
 * Requests as an office sees them: each part of a workday and of a day at the weekend has favourites of its own, by Zipf's law; nights
 * are quiet, and Mondays begin with a job.
 */
export function dailyTrace(seed: number, days: number): TimedRequest[] {
  const random = pseudoRandom(seed);
  const models = Array.from({ length: MODELS }, (_, number) => tracedModel(number, random));
  const pick = zipf(MODELS, random);
  const favourites = new Map<string, readonly TracedModel[]>();
  const trace: TimedRequest[] = [];
  for (let hour = 0; hour < days * 24; hour++) {
    const [day, hourOfDay] = [Math.floor(hour / 24) % 7, hour % 24];
    const [part, perHour] = PARTS.findLast(([from]) => from <= hourOfDay) ?? PARTS[0];
    const name = `${day < WORKDAYS ? "workday" : "weekend"} ${part}`;
    const ranking = favourites.get(name) ?? shuffled(models, random);
    favourites.set(name, ranking);
    const asked = day === 0 && hourOfDay === JOB_HOUR
      ? models.slice(-JOB_MODELS)
      : Array.from({ length: perHour }, () => ranking[pick()]);
    trace.push(...spread(asked, MONDAY_S + hour * HOUR_S));
  }
  return trace;
}

/** Popularity that does not depend on the time, a request a minute. */
export function steadyTrace(seed: number, requests: number): TimedRequest[] {
  return modelTrace(seed, requests).map((model, index) => ({
    atS: MONDAY_S + index * STEADY_EVERY_S,
    model,
  }));
}

/** Evenly over the hour that begins then. */
function spread(asked: ReadonlyArray<TracedModel | undefined>, fromS: number): TimedRequest[] {
  return asked.flatMap((model, index) =>
    model === undefined ? [] : [{ atS: fromS + (index + 1) * HOUR_S / (asked.length + 1), model }]
  );
}

/** Fisher and Yates. */
function shuffled(models: readonly TracedModel[], random: () => number): TracedModel[] {
  const order = [...models];
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    const [a, b] = [order[last], order[other]];
    if (a !== undefined && b !== undefined) [order[last], order[other]] = [b, a];
  }
  return order;
}
