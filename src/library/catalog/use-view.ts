import type { CachedModel } from "../../cache/index.ts";
import type { AccessRow } from "../../registry/index.ts";
import type { UseView } from "../catalog-types.ts";

/** @param loaded The same variant in memory. */
export function useView(row: AccessRow, loaded: CachedModel | undefined, nowS: number): UseView {
  const { model, version, variant, count, usedAtS, arrivedAtS, loadMs, sizeBytes } = row;
  return {
    ...{ model, version, variant },
    access_count: count,
    last_used_at: count === 0 ? null : usedAtS,
    age_seconds: Math.max(0, nowS - arrivedAtS),
    idle_seconds: Math.max(0, nowS - usedAtS),
    load_ms: loadMs ?? null,
    size_bytes: sizeBytes,
    memory_bytes: loaded?.bytes ?? null,
  };
}
