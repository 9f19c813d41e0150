import type { Registry } from "../registry/index.ts";
import type { BlobStore, ImportedFile } from "../store/index.ts";

/** Notes what was taken in. Of what was here already only the source was read, so that is no news of the blob. */
export async function recordImported(
  { registry, store }: {
    readonly registry: Pick<Registry, "recordBlob">;
    readonly store: Pick<BlobStore, "open">;
  },
  { digest, sizeBytes, chunkDigests, mode }: ImportedFile,
  gitOid?: string,
): Promise<void> {
  await registry.recordBlob({
    ...{ digest, sizeBytes, chunkDigests },
    ...(gitOid === undefined ? {} : { gitOid }),
    ...(mode === "present" ? {} : { modifiedMs: store.open(digest, sizeBytes).modifiedMs }),
  });
}
