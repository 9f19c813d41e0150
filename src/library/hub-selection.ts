import { LarderError, parseAlias, sha256 } from "../core/index.ts";
import { type HubClient, type HubVariant, matchFiles } from "../hub/index.ts";
import { isCommit } from "./hub-plan.ts";
import type { Scan } from "./hub-scans.ts";
import type { PlannedFile } from "./pull-plan.ts";

/** The name of what was selected by patterns: the same for the same patterns. */
export function selectionName(patterns: readonly string[]): string {
  return `files-${sha256(patterns.join("\n")).slice(0, 8)}`;
}

/** Bytes of a variant's weights, which is about what it needs in memory. */
export function weightBytes(
  files: ReadonlyArray<{ readonly path: string; readonly sizeBytes: number }>,
  variant: HubVariant,
): number {
  const weights = new Set(variant.weightFiles);
  return files.reduce((sum, { path, sizeBytes }) => weights.has(path) ? sum + sizeBytes : sum, 0);
}

/** The files as a pull fetches them. */
export function plannedFiles(
  scan: Scan,
  paths: readonly string[],
  client: Pick<HubClient, "resolveUrls">,
): PlannedFile[] {
  const wanted = new Set(paths);
  const at = { repo: scan.document.repo, commit: scan.version };
  return scan.document.files.filter(({ path }) => wanted.has(path)).map(
    ({ path, sizeBytes, sha256: digest, gitOid }) => ({
      ...{ path, sizeBytes, urls: client.resolveUrls(at, path) },
      ...(digest === undefined ? { gitOid } : { digest: digest as NonNullable<PlannedFile["digest"]> }),
    }),
  );
}

/** A branch or tag follows its version under its own name, where that may be one. */
export function aliasOf(revision: string): string[] {
  if (isCommit(revision)) return [];
  try {
    return [parseAlias(revision)];
  } catch {
    return [];
  }
}

export function selectedPaths({ model, version, document }: Scan, patterns: readonly string[]): string[] {
  const paths = matchFiles(document.files, patterns).map(({ path }) => path);
  if (paths.length > 0) return paths;
  throw new LarderError(
    "HUB_FILE_NOT_FOUND",
    `Cannot find a file of ${model}@${version.slice(0, 12)} that matches ${patterns.join(", ")}`,
    { field: "files", hint: `See \`larder scan ${model}\` for its files.` },
  );
}

export function variantNotFound({ model, version, document }: Scan, variant: string): LarderError {
  const names = document.variants.map(({ name }) => name);
  const shown = names.length > 20 ? [...names.slice(0, 20), "…"] : names;
  return new LarderError(
    "VARIANT_NOT_FOUND",
    `Cannot find variant ${variant} of ${model}@${version.slice(0, 12)}`,
    { field: "variant", hint: `There are: ${shown.join(", ")}.` },
  );
}
