import type { Row } from "./types.ts";

export interface Verdict {
  readonly larder: number;
  readonly peer: number | undefined;
  /** Of the two numbers. */
  readonly ratio: number | undefined;
  /** The median of the ratios of each round: less moved by a machine that gets slower or faster meanwhile. */
  readonly pairRatio: number | undefined;
  readonly aim: string | undefined;
  readonly met: boolean | undefined;
}

/** The judgement is of the ratio of medians, or of Larder's number where there is no peer. */
export function judge(row: Row): Verdict {
  const statistic = row.statistic === "max" ? largest : median;
  const larder = statistic(row.larder);
  const peer = row.peer && statistic(row.peer);
  const ratio = peer === undefined ? undefined : larder / peer;
  const pairRatio = row.peer && median(ratios(row.larder, row.peer));
  return { larder, peer, ratio, pairRatio, ...judgeAim(row, ratio ?? larder) };
}

function judgeAim({ aim, peer, unit }: Row, value: number): Pick<Verdict, "aim" | "met"> {
  if (aim === undefined) return { aim: undefined, met: undefined };
  const suffix = peer === undefined ? ` ${unit}` : "";
  if ("atMost" in aim) return { aim: `≤ ${aim.atMost}${suffix}`, met: value <= aim.atMost };
  return { aim: `≥ ${aim.atLeast}${suffix}`, met: value >= aim.atLeast };
}

/** @throws {RangeError} There is nothing to take it of. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  if (low === undefined || high === undefined) throw new RangeError("Cannot take the median of nothing");
  return (low + high) / 2;
}

/** The smallest value that at least this part of all values does not exceed (nearest rank). */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)];
  if (value === undefined) throw new RangeError("Cannot take a quantile of nothing");
  return value;
}

export function largest(values: readonly number[]): number {
  return quantile(values, 1);
}

function ratios(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.map((value, round) => value / (theirs[round] ?? Number.NaN));
}
