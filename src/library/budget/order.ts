import type { AccessRow } from "../../registry/index.ts";
import type { DiskPolicy } from "../budget-types.ts";

const DAY_S = 86_400;

/** A variant that is on disk, with what it took to bring it here. */
export interface StoredVariant extends AccessRow {
  /** How long fetching its bytes takes: as long as it took, where that is known. */
  readonly fetchMs: number;
}

/** How one policy sees the variants. */
export interface DiskOrder {
  /** The first to go first; equals in the order of their names. */
  sort<V extends StoredVariant>(variants: readonly V[]): V[];
  /** Why this one goes before others. */
  reason(variant: StoredVariant): string;
}

type Compare = (a: StoredVariant, b: StoredVariant) => number;

/** @param nowS Unix seconds. */
export function diskOrder(policy: DiskPolicy, nowS: number): DiskOrder {
  switch (policy) {
    case "oldest":
      return ordered(byLastUse, lastUse);
    case "least_used":
      return ordered((a, b) => a.count - b.count || byLastUse(a, b), uses);
    case "largest":
      return ordered((a, b) => b.sizeBytes - a.sizeBytes || byLastUse(a, b), (variant) => {
        return `${variant.sizeBytes} bytes, ${lastUse(variant)}`;
      });
    case "cost":
      return ordered(
        (a, b) => worth(a, nowS) - worth(b, nowS) || byLastUse(a, b),
        (variant) => {
          return `${Math.round(costMs(variant))} ms to have it back, ${
            uses(variant)
          }, ${variant.sizeBytes} bytes`;
        },
      );
  }
}

/**
 * Milliseconds of waiting that a byte saves a day: what fetching and loading it again take × its uses a day since it is here ÷ its
 * bytes. One that was never used counts as used once.
 */
function worth(variant: StoredVariant, nowS: number): number {
  const days = Math.max(1, (nowS - variant.arrivedAtS) / DAY_S);
  return costMs(variant) * Math.max(variant.count, 1) / days / Math.max(variant.sizeBytes, 1);
}

function costMs({ fetchMs, loadMs = 0 }: StoredVariant): number {
  return fetchMs + loadMs;
}

function byLastUse(a: StoredVariant, b: StoredVariant): number {
  return a.usedAtS - b.usedAtS;
}

function ordered(compare: Compare, reason: (variant: StoredVariant) => string): DiskOrder {
  return { sort: (variants) => variants.toSorted((a, b) => compare(a, b) || byName(a, b)), reason };
}

function byName(a: StoredVariant, b: StoredVariant): number {
  const [left, right] = [a, b].map(({ model, version, variant }) => `${model}@${version}:${variant}`);
  return (left ?? "") < (right ?? "") ? -1 : 1;
}

function lastUse({ count, usedAtS }: StoredVariant): string {
  const time = new Date(usedAtS * 1000).toISOString();
  return count === 0 ? `never used, here since ${time}` : `last used ${time}`;
}

function uses(variant: StoredVariant): string {
  const { count } = variant;
  return count === 0
    ? lastUse(variant)
    : `used ${count} ${count === 1 ? "time" : "times"}, ${lastUse(variant)}`;
}
