import { isLarderError } from "../../core/index.ts";
import type { Registry } from "../../registry/index.ts";
import type { BlobStore } from "../../store/index.ts";
import type { UsageView } from "../catalog-types.ts";

export interface UsageDeps {
  readonly registry: Pick<Registry, "stats">;
  readonly store: Pick<BlobStore, "space">;
  readonly budgetBytes: () => number | undefined;
}

/** What is here and what it takes. */
export async function usage({ registry, store, budgetBytes }: UsageDeps): Promise<UsageView> {
  const disk = await store.space().catch((error: unknown) => {
    // Health says what is wrong with the disk; the rest is known without it.
    if (!isLarderError(error)) throw error;
    return null;
  });
  const { blobBytes, models, versions, blobs } = registry.stats();
  const budget = budgetBytes();
  return {
    ...{ total_bytes: blobBytes, models, versions, blobs },
    budget_bytes: budget ?? null,
    usage_percent: budget === undefined ? null : percent(blobBytes, budget),
    disk: disk && { total_bytes: disk.totalBytes, free_bytes: disk.freeBytes },
  };
}

/** To two digits. A budget of nothing is used up by anything. */
function percent(bytes: number, budgetBytes: number): number {
  if (bytes === 0) return 0;
  return Math.round(bytes / Math.max(1, budgetBytes) * 10_000) / 100;
}
