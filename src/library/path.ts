import { join } from "node:path";
import { LarderError, parseModelRef } from "../core/index.ts";
import type { Registry, VersionRow } from "../registry/index.ts";
import { type BlobStore, viewPath } from "../store/index.ts";
import { findVersion } from "./names.ts";
import type { PathView } from "./types.ts";

/** Makes the folder with real file names for a version, or for one variant's files of it. */
export async function ensurePath(
  deps: { readonly registry: Registry; readonly store: Pick<BlobStore, "makeView"> },
  reference: string,
): Promise<PathView> {
  const ref = parseModelRef(reference);
  const version = findVersion(deps.registry, ref);
  refuseUnsound(deps.registry, version);
  const folder = await deps.store.makeView(version.model, version.version, version.files);
  const wanted = ref.variant === undefined
    ? undefined
    : new Set(version.variants.find(({ name }) => name === ref.variant)?.paths);
  return {
    model: version.model,
    version: version.version,
    folder,
    files: version.files.filter(({ path }) => wanted === undefined || wanted.has(path)).map((
      { path, sizeBytes },
    ) => ({
      path,
      local_path: join(folder, viewPath(path)),
      size_bytes: sizeBytes,
    })),
  };
}

/** An engine that maps a file cannot be told later that its bytes are wrong. */
function refuseUnsound(registry: Registry, version: VersionRow): void {
  for (const { path, digest } of version.files) {
    const state = registry.findBlob(digest)?.state ?? "missing";
    if (state === "intact") continue;
    throw new LarderError(
      state === "missing" ? "BLOB_MISSING" : "BLOB_DAMAGED",
      `Cannot use ${version.model}@${version.version}: ${path} is ${state}`,
      {
        hint: `Run \`larder repair ${version.model}@${version.version}\`.`,
      },
    );
  }
}
