import type { Registry, VersionFile, VersionRow } from "../registry/index.ts";

/** The files of a variant that was pulled whole; undefined when it was not. */
export function downloadedFiles(row: VersionRow, variant: string): VersionFile[] | undefined {
  const paths = row.variants.find(({ name, status }) => name === variant && status === "downloaded")?.paths;
  if (paths === undefined) return undefined;
  const ofVariant = new Set(paths);
  return row.files.filter(({ path }) => ofVariant.has(path));
}

/** The first file whose bytes are damaged or missing by now. */
export function findLost(
  registry: Pick<Registry, "findBlob">,
  files: readonly VersionFile[],
): VersionFile | undefined {
  return files.find(({ digest }) => registry.findBlob(digest)?.state !== "intact");
}
