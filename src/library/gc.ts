import type { Digest } from "../core/index.ts";
import type { Registry } from "../registry/index.ts";
import type { BlobStore } from "../store/index.ts";
import type { GcResult, UpkeepRequest } from "./types.ts";

/** Sweeps blobs that no file points to and parts that no pull will resume. */
export async function collectGarbage(
  deps: {
    readonly registry: Pick<Registry, "aliveDigests" | "findBlob" | "forgetBlobs">;
    readonly store: Pick<BlobStore, "sweep">;
    readonly partKeys: () => Set<string>;
    readonly graceS: number;
  },
  request: UpkeepRequest,
): Promise<GcResult> {
  const dryRun = request.dry_run ?? false;
  const alive = deps.registry.aliveDigests();
  const keys = deps.partKeys();
  // A damaged blob that is still wanted waits for its repair as the part of its digest.
  const isDamaged = (key: string) =>
    alive.has(key) && deps.registry.findBlob(key as Digest)?.state !== "intact";
  const swept = await deps.store.sweep({
    alive,
    aliveParts: { has: (key) => keys.has(key) || isDamaged(key) },
    graceS: request.grace_s ?? deps.graceS,
    dryRun,
  });
  const digests = swept.blobs.map(({ digest }) => digest);
  if (!dryRun) await deps.registry.forgetBlobs(digests);
  return {
    blobs: swept.blobs.length,
    parts: swept.parts.length,
    bytes_freed: swept.bytesFreed,
    dry_run: dryRun,
    digests,
  };
}
