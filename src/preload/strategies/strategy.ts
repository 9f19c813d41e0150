import type { FoundVariant, UseHistory } from "../../library/index.ts";

export const STRATEGIES = ["sequential", "frequency", "recency", "size", "pattern"] as const;
export type StrategyName = (typeof STRATEGIES)[number];

/** What might be preloaded. */
export interface Candidate {
  /** `model[@version-or-alias][:variant]` */
  readonly reference: string;
  /** Who wants it: a user, the process that had it loaded before this one, or what was learned. */
  readonly origin: "user" | "restart" | "pattern";
  /** A whole number; whatever the strategy says, larger comes first. */
  readonly priority: number;
  readonly addedAtS: number;
  /** Absent: it is not here. */
  readonly found?: FoundVariant;
}

export interface Ranked extends Candidate {
  /** What the strategy makes of it: from 0 to less than 1, larger comes first. */
  readonly score: number;
  /** Completes a sentence about the model: "was used 12 times". */
  readonly reason: string;
}

/** Puts candidates in the order in which they are to be preloaded. Depends on nothing else. */
export type Strategy = (
  candidates: readonly Candidate[],
  history: UseHistory,
  nowS: number,
) => readonly Ranked[];

export type Judge = (candidate: Candidate, index: number) => Pick<Ranked, "score" | "reason">;

/** By priority, then by score; of equal ones the first that was added comes first. */
export function rank(candidates: readonly Candidate[], judge: Judge): readonly Ranked[] {
  return inOrderOfAdding(candidates)
    .map((candidate, index): Ranked => {
      const { score, reason } = judge(candidate, index);
      const why = candidate.origin === "restart" ? "was loaded before the restart" : reason;
      return { ...candidate, score, reason: why };
    })
    .sort((a, b) => b.priority - a.priority || b.score - a.score);
}

function inOrderOfAdding(candidates: readonly Candidate[]): Candidate[] {
  return candidates.toSorted((a, b) => a.addedAtS - b.addedAtS || compare(a.reference, b.reference));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
