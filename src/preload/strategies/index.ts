import { frequency } from "./frequency.ts";
import { pattern } from "./pattern.ts";
import { recency } from "./recency.ts";
import { sequential } from "./sequential.ts";
import { size } from "./size.ts";
import type { Strategy, StrategyName } from "./strategy.ts";

export const STRATEGY: Readonly<Record<StrategyName, Strategy>> = {
  sequential,
  frequency,
  recency,
  size,
  pattern,
};

export { likely } from "./pattern.ts";
export { type Candidate, type Ranked, STRATEGIES, type Strategy, type StrategyName } from "./strategy.ts";
