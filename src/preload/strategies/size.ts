import { rank, type Strategy } from "./strategy.ts";

const MEBIBYTE = 2 ** 20;

/** The smallest first: most models in the shortest time. What is not here has no size and comes last. */
export const size: Strategy = (candidates) =>
  rank(candidates, ({ found }) => {
    if (found === undefined) return { score: 0, reason: "has no known size" };
    return {
      score: 1 / (2 + found.sizeBytes / MEBIBYTE),
      reason: `has ${found.sizeBytes} bytes`,
    };
  });
