/** What a policy may know of a loaded model. The cache keeps it up to date before it tells the policy. */
export interface Candidate {
  /** `model@version:variant`; the same again when it is loaded again. */
  readonly id: string;
  readonly bytes: number;
  /** How long its load took. */
  readonly loadMs: number;
  /** By the clock that never goes back. */
  readonly loadedAtMs: number;
  /** Larger for what was loaded later. */
  readonly loadOrder: number;
  /** When its last lease ended, to the second. */
  readonly usedAtMs: number;
  /** Leases since it was loaded. */
  readonly uses: number;
  /** Larger for what was used later; counts loads as uses. */
  readonly useOrder: number;
  /** The policy's own number. */
  rank: number;
}

export interface PolicyContext {
  ttlMs(): number;
  /** How many models are here when the cache is full. */
  capacity(): number;
}

/** Decides who goes. Pure bookkeeping: no clock, no randomness, the same events give the same order. */
export interface EvictionPolicy {
  /** Somebody asked for a model that is not here. It is going to be loaded. */
  missed(id: string): void;
  /** It is loaded; `uses` says how many have asked for it so far. */
  added(candidate: Candidate): void;
  /** Somebody asked again. Part of every acquire: it must be quick. */
  used(candidate: Candidate): void;
  /** @param evicted By this policy's choice; otherwise somebody wanted it gone. */
  removed(candidate: Candidate, evicted: boolean): void;
  /**
   * The same candidates, the first to go first. Changes nothing.
   *
   * @param incoming For whom room is to be made.
   */
  order<T extends Candidate>(candidates: readonly T[], nowMs: number, incoming?: string): T[];
  /** Where it stands, for people. */
  reason(candidate: Candidate, nowMs: number): string;
  /** Whether it has to go even though there is room. */
  isExpired(candidate: Candidate, nowMs: number): boolean;
}

/** A policy that is an order alone: what it needs to know is on the candidates. */
export function orderBy(
  compare: (a: Candidate, b: Candidate) => number,
  reason: (candidate: Candidate, nowMs: number) => string,
): EvictionPolicy {
  return {
    missed() {},
    added() {},
    used() {},
    removed() {},
    order: (candidates) => candidates.toSorted(compare),
    reason,
    isExpired: () => false,
  };
}

export const byLastUse = (a: Candidate, b: Candidate): number => a.useOrder - b.useOrder;

export function secondsBetween(fromMs: number, toMs: number): string {
  return `${((toMs - fromMs) / 1000).toFixed(0)} s`;
}
