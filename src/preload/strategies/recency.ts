import { rank, type Strategy } from "./strategy.ts";

const HOUR_S = 3600;

/** What was used last first. */
export const recency: Strategy = (candidates, _, nowS) =>
  rank(candidates, ({ found }) => {
    if (found === undefined || found.count === 0) return { score: 0, reason: "was never used" };
    const agoS = Math.max(0, nowS - found.usedAtS);
    return { score: 1 / (2 + agoS / HOUR_S), reason: `was used ${inWords(agoS)} ago` };
  });

function inWords(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < HOUR_S) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * HOUR_S) return `${Math.round(seconds / HOUR_S)} h`;
  return `${Math.round(seconds / (24 * HOUR_S))} days`;
}
