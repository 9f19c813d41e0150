import type { UseHistory } from "../../library/index.ts";
import { type Expectation, Habits } from "./habits.ts";
import { rank, type Strategy } from "./strategy.ts";

/** Less than this is no reason to load a model that nobody has put into the queue. */
const LIKELIHOOD_MIN = 0.02;
const SUGGESTIONS_MAX = 16;
/** Scores stay below 1. */
const SCORE_MAX = 1 - Number.EPSILON;

/** What is most likely to be used next first: by the hour of the week, and by what was used last. */
export const pattern: Strategy = (candidates, history, nowS) => {
  const habits = new Habits(history, nowS);
  return rank(candidates, ({ found }) => {
    if (found === undefined) return { score: 0, reason: "was never used" };
    const expectation = habits.of(found.model, found.variant);
    return { score: Math.min(expectation.likelihood, SCORE_MAX), reason: reasonOf(expectation) };
  });
};

/** Models that are likely to be used soon, the likeliest first, whether anybody has put them into the queue or not. */
export function likely(history: UseHistory, nowS: number): Array<Pick<Expectation, "model" | "variant">> {
  return new Habits(history, nowS).all()
    .filter(({ likelihood }) => likelihood >= LIKELIHOOD_MIN)
    .sort((a, b) => b.likelihood - a.likelihood)
    .slice(0, SUGGESTIONS_MAX);
}

function reasonOf({ byTime, byOrder }: Expectation): string {
  if (byTime === 0 && byOrder === 0) return "was never used";
  return byOrder > byTime
    ? `follows what was used last in ${percent(byOrder)} of all cases`
    : `makes up ${percent(byTime)} of what is used at this time`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}
