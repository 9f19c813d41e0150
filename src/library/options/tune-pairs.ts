import type { Clock } from "../../core/index.ts";
import type { LoadedModel } from "../../runtimes/index.ts";
import type { Activity } from "../models/activity.ts";
import type { MakeCall } from "./tune-calls.ts";

/** Fewer tell nothing, unless each says that the candidate is so many times slower. */
const RUNS_MIN = 3;
const HOPELESS = 2;
const WARM_UPS = 2;
/** Between two looks whether requests still run. */
const LOOK_MS = 5;

export interface PairsDeps {
  readonly clock: Clock;
  readonly activity: Activity;
  readonly makeCall: MakeCall;
  readonly signal: AbortSignal;
}

export interface PairsLimits {
  /** Pairs wanted. */
  readonly runs: number;
  /** By the clock that never goes back: from then on few pairs have to do. */
  readonly enoughMs: number;
  /** Then what there is has to do. */
  readonly untilMs: number;
}

export interface Pairs {
  readonly runs: number;
  /** Pairs in which the candidate was faster. */
  readonly faster: number;
  /** Medians. */
  readonly presentMs: number;
  readonly candidateMs: number;
  /** Time of the candidate as a part of the present one's: the median of all pairs. */
  readonly ratio: number;
}

/**
 * Runs in turns: what slows the machine down for a while slows both down. A pair that a request came into is no
 * measurement, and requests are let past before each.
 *
 * @returns Undefined when there were too few quiet moments.
 */
export async function measurePairs(
  deps: PairsDeps,
  present: LoadedModel,
  candidate: LoadedModel,
  { runs, enoughMs, untilMs }: PairsLimits,
): Promise<Pairs | undefined> {
  const { clock, activity, makeCall, signal } = deps;
  const times = { present: [] as number[], candidate: [] as number[] };
  const isEnough = () =>
    times.present.length >= RUNS_MIN ||
    (times.present.length > 0 &&
      times.candidate.every((ms, at) => ms > HOPELESS * (times.present[at] ?? ms)));
  for (let round = 0; round < WARM_UPS && (round === 0 || clock.monotonicMs() < enoughMs); round++) {
    for (const model of [present, candidate]) await makeCall(round)(model, signal);
  }
  for (let round = WARM_UPS; times.present.length < runs; round++) {
    if (clock.monotonicMs() >= enoughMs && isEnough()) break;
    if (clock.monotonicMs() >= untilMs || !await waitForQuiet(deps, untilMs)) break;
    const begun = activity.begun;
    const timed = async (model: LoadedModel) => {
      const call = makeCall(round);
      const startMs = clock.monotonicMs();
      await call(model, signal);
      return clock.monotonicMs() - startMs;
    };
    // The second of two may find caches warmer: each is first every other time.
    const first = round % 2 === 0 ? present : candidate;
    const firstMs = await timed(first);
    const secondMs = await timed(first === present ? candidate : present);
    if (activity.begun !== begun) continue;
    times.present.push(first === present ? firstMs : secondMs);
    times.candidate.push(first === present ? secondMs : firstMs);
  }
  if (!isEnough()) return undefined;
  const ratios = times.candidate.map((ms, at) => ms / (times.present[at] ?? ms));
  return {
    runs: ratios.length,
    faster: ratios.filter((ratio) => ratio < 1).length,
    presentMs: median(times.present),
    candidateMs: median(times.candidate),
    ratio: median(ratios),
  };
}

/** @returns Whether it came before the time was over. */
export async function waitForQuiet(
  { clock, activity, signal }: Pick<PairsDeps, "clock" | "activity" | "signal">,
  untilMs: number,
): Promise<boolean> {
  while (!activity.isQuiet) {
    if (clock.monotonicMs() >= untilMs) return false;
    await clock.sleep(LOOK_MS, signal);
  }
  signal.throwIfAborted();
  return true;
}

function median(values: readonly number[]): number {
  const inOrder = values.toSorted((a, b) => a - b);
  const middle = inOrder.length >> 1;
  const [low = 0, high = 0] = inOrder.length % 2 === 0
    ? inOrder.slice(middle - 1, middle + 1)
    : [inOrder[middle], inOrder[middle]];
  return (low + high) / 2;
}
