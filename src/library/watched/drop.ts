import { sep } from "node:path";
import type { VersionRow } from "../../registry/index.ts";
import { type RemoveDeps, removeReference } from "../remove.ts";

/** Removes a version that was made of files in a watched folder, unless it has other sources too; in any case it is its own no more. */
export async function dropVersion(
  deps: RemoveDeps,
  folder: string,
  { model, version }: { readonly model: string; readonly version: string },
): Promise<void> {
  const row = deps.registry.findVersion(model, version);
  if (row !== undefined && isOnlyFrom(folder, row)) await removeReference(deps, `${model}@${version}`);
  await deps.registry.removeWatchedFiles({ folder, model, version });
}

/** Names that somebody gave keep a version here that would have been forgotten. */
export function hasAlias(
  { registry }: Pick<RemoveDeps, "registry">,
  model: string,
  version: string,
): boolean {
  return Object.values(registry.findModel(model)?.aliases ?? {}).includes(version);
}

function isOnlyFrom(folder: string, { files }: VersionRow): boolean {
  const inside = folder.endsWith(sep) ? folder : folder + sep;
  return files.every(({ sources }) =>
    sources.every(({ kind, location }) => kind === "path" && location.startsWith(inside))
  );
}
