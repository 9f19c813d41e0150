import { groupBy } from "./variant-draft.ts";

/** One part of a file that was split: `model-00002-of-00004`. */
export interface Shard {
  readonly base: string;
  readonly index: number;
  readonly total: number;
}

/**
 * Reads the number of a part from a name without its extension. Five digits, or six as some exporters write totals above 99.
 *
 * @see The hub's own client: `parse-safetensors-metadata.ts`; llama.cpp: `get_gguf_split_info`.
 */
export function readShard(stem: string): Shard | undefined {
  const match = /[_-](\d{5,6})-of-(\d{5,6})$/.exec(stem.slice(-20));
  if (match === null) return undefined;
  return { base: stem.slice(0, -match[0].length), index: Number(match[1]), total: Number(match[2]) };
}

/** The sets of parts that are whole, sorted by their number, the one with the most parts first. */
export function wholeSets<T extends { readonly shard: Shard }>(parts: readonly T[]): T[][] {
  return [...groupBy(parts, (part) => part.shard.total)]
    .filter(([total, set]) => isWhole(total, set))
    .sort(([a], [b]) => b - a)
    .map(([, set]) => set.toSorted((a, b) => a.shard.index - b.shard.index));
}

/** Numbers run from 1 to the total; some exporters begin with 0, and end one before the total or, like gpt-oss, with it. */
function isWhole(total: number, parts: readonly { readonly shard: Shard }[]): boolean {
  const indexes = new Set(parts.map((part) => part.shard.index));
  const isInRange = parts.every(({ shard }) => shard.index <= total);
  const hasZero = indexes.has(0);
  const hasEnough = indexes.size === total || (hasZero && indexes.size === total + 1);
  return hasEnough && indexes.size === parts.length && isInRange &&
    !(hasZero && indexes.size === total && indexes.has(total));
}
