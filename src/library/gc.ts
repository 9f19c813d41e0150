import type { Digest } from "../core/index.ts";
import type { Registry } from "../registry/index.ts";
import type { BlobStore } from "../store/index.ts";
import { awaitsRepair, type DiskBudget } from "./budget/index.ts";
import { forgetFreed } from "./free-blobs.ts";
import type { GcResult, UpkeepRequest } from "./types.ts";

export interface SweepDeps {
  readonly registry: Pick<
    Registry,
    "aliveDigests" | "orphanDigests" | "findBlob" | "isReferenced" | "forgetBlobs"
  >;
  readonly store: Pick<BlobStore, "sweep" | "has">;
  readonly partKeys: () => Set<string>;
  readonly graceS: number;
}

/** Sweeps blobs that no file points to and parts that no pull will resume; then variants leave for which there is no room. */
export async function collectGarbage(
  deps: SweepDeps & { readonly budget: Pick<DiskBudget, "enforce"> },
  request: UpkeepRequest,
): Promise<GcResult> {
  const swept = await sweep(deps, request);
  const evicted = await deps.budget.enforce({
    dryRun: swept.dry_run,
    sweptBytes: swept.dry_run ? swept.bytes_freed : 0,
  });
  return { ...swept, evicted };
}

/** Sweeps blobs that no file points to and parts that no pull will resume. */
export async function sweep(deps: SweepDeps, request: UpkeepRequest): Promise<Omit<GcResult, "evicted">> {
  const dryRun = request.dry_run ?? false;
  const alive = deps.registry.aliveDigests();
  const keys = deps.partKeys();
  const swept = await deps.store.sweep({
    alive,
    aliveParts: { has: (key) => keys.has(key) || awaitsRepair(deps.registry, key) },
    graceS: request.grace_s ?? deps.graceS,
    dryRun,
  });
  const digests: Digest[] = swept.blobs.map(({ digest }) => digest);
  // A process that was killed may have deleted blobs and not come to forget them.
  if (!dryRun) await forgetFreed(deps, deps.registry.orphanDigests());
  return {
    blobs: swept.blobs.length,
    parts: swept.parts.length,
    bytes_freed: swept.bytesFreed,
    dry_run: dryRun,
    digests,
  };
}
