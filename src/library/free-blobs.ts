import type { Digest } from "../core/index.ts";
import type { Registry } from "../registry/index.ts";
import type { BlobStore } from "../store/index.ts";

export interface FreeBlobsDeps {
  readonly registry: Pick<Registry, "isReferenced" | "findBlob" | "forgetBlobs">;
  readonly store: Pick<BlobStore, "remove" | "has">;
}

/** Deletes blobs that nothing points to any more. @returns the bytes that this freed */
export async function freeBlobs(deps: FreeBlobsDeps, digests: readonly Digest[]): Promise<number> {
  let bytesFreed = 0;
  const freed: Digest[] = [];
  for (const digest of digests) {
    // Something may have come to use it meanwhile; a pull in progress holds a pin.
    if (deps.registry.isReferenced(digest)) continue;
    const sizeBytes = deps.registry.findBlob(digest)?.sizeBytes ?? 0;
    if (!await deps.store.remove(digest)) continue;
    freed.push(digest);
    bytesFreed += sizeBytes;
  }
  await forgetFreed(deps, freed);
  return bytesFreed;
}

/**
 * Forgets blobs that were deleted. One that a pull has brought back meanwhile is not forgotten: its bytes are there before its row is
 * written, and rows are written in the order in which that is asked for.
 */
export async function forgetFreed(
  { registry, store }: {
    readonly registry: Pick<Registry, "forgetBlobs">;
    readonly store: Pick<BlobStore, "has">;
  },
  digests: readonly Digest[],
): Promise<void> {
  const gone = digests.filter((digest) => !store.has(digest));
  if (gone.length > 0) await registry.forgetBlobs(gone);
}
