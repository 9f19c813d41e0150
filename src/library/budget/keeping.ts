import type { CacheStats, ModelKey } from "../../cache/index.ts";
import { formatModelRef } from "../../core/index.ts";
import type { OptionsRow } from "../../registry/index.ts";

export type Arrival = Omit<ModelKey, "variant">;

/** What variants are used for now. */
export interface VariantUses {
  readonly pinned: readonly OptionsRow[];
  readonly memory: Pick<CacheStats, "cached_models" | "leaving_models" | "loading_models" | "pins">;
  readonly pulled: readonly ModelKey[];
  /** Versions that have just come: what made way for them would have left in vain if they went themselves. */
  readonly arrived: readonly Arrival[];
}

/** Says of a variant why it may not leave the disk; undefined when it may. */
export function keeping(uses: VariantUses): (variant: ModelKey) => string | undefined {
  const { pinned, memory, pulled, arrived } = uses;
  const reasons = new Map<string, string>();
  for (const { state, ...key } of memory.loading_models) reasons.set(nameOf(key), `being loaded (${state})`);
  for (const { leases, ...key } of [...memory.cached_models, ...memory.leaving_models]) {
    reasons.set(nameOf(key), leases > 0 ? `in use by ${leases}` : "loaded");
  }
  for (const key of pulled) reasons.set(nameOf(key), "being pulled");
  for (const name of memory.pins) reasons.set(name, "pinned");
  const pins = new Set(pinned.map(({ model, variant }) => JSON.stringify([model, variant])));
  return (variant) => {
    const isPinned = [variant.variant, ""].some((name) => pins.has(JSON.stringify([variant.model, name])));
    if (isPinned) return "pinned";
    if (arrived.some(({ model, version }) => model === variant.model && version === variant.version)) {
      return "just arrived";
    }
    return reasons.get(nameOf(variant));
  };
}

/** Adds those whose files lie in watched folders to a look at uses. */
export function keepWatched(
  watched: readonly Arrival[],
  useReason: (variant: ModelKey) => string | undefined,
): (variant: ModelKey) => string | undefined {
  const there = new Set(watched.map(({ model, version }) => JSON.stringify([model, version])));
  return (variant) => {
    const reason = useReason(variant);
    if (reason !== undefined) return reason;
    return there.has(JSON.stringify([variant.model, variant.version])) ? "in a watched folder" : undefined;
  };
}

function nameOf({ model, version, variant }: ModelKey): string {
  return formatModelRef({ model, version, variant });
}
