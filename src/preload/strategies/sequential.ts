import { rank, type Strategy } from "./strategy.ts";

/** In the order in which they were added. */
export const sequential: Strategy = (candidates) =>
  rank(candidates, (_, index) => ({
    score: 1 - (index + 1) / (candidates.length + 1),
    reason: `was added as number ${index + 1} of ${candidates.length}`,
  }));
