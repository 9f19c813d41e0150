import { parseModelRef } from "../core/index.ts";
import type { Registry } from "../registry/index.ts";
import type { BlobStore } from "../store/index.ts";
import { freeBlobs } from "./free-blobs.ts";
import { findVersion, resolveVersion } from "./names.ts";
import type { RemoveView } from "./types.ts";
import type { VersionWriter } from "./version-writer.ts";

/** Forgets a version, or a model whole, at once; bytes that nothing else points to are freed, and open readers finish. */
export async function removeReference(
  deps: {
    readonly registry: Registry;
    readonly store: Pick<BlobStore, "remove" | "has">;
    readonly versions: Pick<VersionWriter, "remove">;
  },
  reference: string,
): Promise<RemoveView> {
  const ref = parseModelRef(reference);
  resolveVersion(deps.registry, ref.model, ref.version ?? "latest");
  const version = ref.version === undefined ? undefined : findVersion(deps.registry, ref).version;
  const { versions, orphans } = await deps.versions.remove(ref.model, version);
  return { model: ref.model, versions, bytes_freed: await freeBlobs(deps, orphans) };
}
