import { rank, type Strategy } from "./strategy.ts";

/** What was used most often first. */
export const frequency: Strategy = (candidates) =>
  rank(candidates, ({ found }) => {
    const count = found?.count ?? 0;
    return {
      score: count / (count + 1),
      reason: count === 0 ? "was never used" : `was used ${count} ${count === 1 ? "time" : "times"}`,
    };
  });
