import { DEFAULT_VARIANT, isLarderError } from "../../core/index.ts";
import type { Registry } from "../../registry/index.ts";
import type { Runtimes } from "../../runtimes/index.ts";
import type { BlobStore } from "../../store/index.ts";
import { downloadedFiles } from "../variant-files.ts";
import { abilitiesByHeader } from "./capabilities.ts";
import type { Description, HeaderFacts } from "./description.ts";

export interface HeaderFactsDeps {
  readonly registry: Pick<Registry, "findVersion">;
  readonly store: Pick<BlobStore, "blobPath">;
  readonly runtimes: Pick<Runtimes, "inspect">;
  /** Of several variants, the one that is meant when none is named. */
  readonly preferred: (model: string, version: string) => string | undefined;
}

/** What the headers of the latest version's default variant tell; null when they cannot be read. */
export async function readHeaderFacts(
  deps: HeaderFactsDeps,
  description: Description,
): Promise<HeaderFacts | null> {
  const files = filesOf(deps, description);
  try {
    const metadata = await deps.runtimes.inspect(files);
    const { architecture, parameters, contextLength, quantization } = metadata;
    return { ...abilitiesByHeader(metadata), architecture, parameters, contextLength, quantization };
  } catch (error) {
    // Broken, damaged, or removed meanwhile: a list says what there is, and loading says what is wrong with it.
    if (!isLarderError(error)) throw error;
    return null;
  }
}

/** Read where they lie as blobs: a folder with their real names would first have to be made. */
function filesOf({ registry, store, preferred }: HeaderFactsDeps, { model, latest, variants }: Description) {
  const row = latest === null ? undefined : registry.findVersion(model, latest);
  if (row === undefined) return [];
  const chosen = variants.length > 1 ? preferred(model, row.version) : undefined;
  const variant = [chosen, DEFAULT_VARIANT].find((name) => name !== undefined && variants.includes(name));
  const files = downloadedFiles(row, variant ?? variants[0] ?? DEFAULT_VARIANT) ?? [];
  return files.map(({ path, digest, sizeBytes }) => ({
    ...{ path, sizeBytes, sha256: digest },
    localPath: store.blobPath(digest),
  }));
}
