import { LarderError, type ModelRef, parseModelRef } from "../core/index.ts";
import type { Registry } from "../registry/index.ts";
import type { BlobStore } from "../store/index.ts";
import { freeBlobs } from "./free-blobs.ts";
import { findVersion, resolveVersion } from "./names.ts";
import type { RemoveView } from "./types.ts";
import type { VersionWriter } from "./version-writer.ts";

export interface RemoveDeps {
  readonly registry: Registry;
  readonly store: Pick<BlobStore, "remove" | "has">;
  readonly versions: Pick<VersionWriter, "remove" | "removeVariant">;
}

/**
 * Forgets a version, a variant, or a model whole, at once; bytes that nothing else points to are freed, and open readers finish.
 * Without a version all versions are meant.
 */
export async function removeReference(deps: RemoveDeps, reference: string): Promise<RemoveView> {
  const ref = parseModelRef(reference);
  resolveVersion(deps.registry, ref.model, ref.version ?? "latest");
  const version = ref.version === undefined ? undefined : findVersion(deps.registry, ref).version;
  if (ref.variant !== undefined) return await removeVariant(deps, ref, version, ref.variant);
  const { versions, orphans } = await deps.versions.remove(ref.model, version);
  return { model: ref.model, versions, bytes_freed: await freeBlobs(deps, orphans) };
}

async function removeVariant(
  deps: RemoveDeps,
  { model }: ModelRef,
  named: string | undefined,
  variant: string,
): Promise<RemoveView> {
  const all = named === undefined
    ? deps.registry.findModel(model)?.versions.map(({ version }) => version) ?? []
    : [named];
  const versions: string[] = [];
  let bytesFreed = 0;
  for (const version of all) {
    const orphans = await deps.versions.removeVariant({ model, version, variant }, () => true);
    if (orphans === undefined) continue;
    versions.push(version);
    bytesFreed += await freeBlobs(deps, orphans);
  }
  if (versions.length === 0) throw variantNotFound(model, variant);
  return { model, variant, versions, bytes_freed: bytesFreed };
}

function variantNotFound(model: string, variant: string): LarderError {
  return new LarderError("VARIANT_NOT_FOUND", `Cannot remove ${model}:${variant}: no version has it`, {
    field: "variant",
    hint: `See \`larder show ${model}\`.`,
  });
}
