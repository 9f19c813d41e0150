import type { WatchedFileRow } from "../../registry/index.ts";
import type { Unit } from "./units.ts";
import type { FoundFile } from "./walk.ts";

/** A version that was made of files in a watched folder. */
export interface TakenVersion {
  readonly version: string;
  readonly takenAtS: number;
  readonly sizeBytes: number;
  /** As they were then, by path. */
  readonly files: ReadonlyMap<string, Pick<FoundFile, "sizeBytes" | "modifiedMs">>;
}

export interface TakenModel {
  readonly model: string;
  /** Newest first, one at least. */
  readonly versions: readonly TakenVersion[];
}

/** Versions of one model that are kept: what lies there now, and what lay there before. */
const VERSIONS_KEPT = 2;

export function takenModels(rows: readonly WatchedFileRow[]): Map<string, TakenModel> {
  const models = new Map<string, Map<string, WatchedFileRow[]>>();
  for (const row of rows) {
    const versions = models.get(row.model) ?? new Map<string, WatchedFileRow[]>();
    const some = versions.get(row.version) ?? [];
    some.push(row);
    models.set(row.model, versions.set(row.version, some));
  }
  return new Map(
    [...models].map(([model, versions]) => {
      const taken = [...versions].map(([version, some]) => toVersion(version, some));
      return [model, { model, versions: taken.sort((a, b) => b.takenAtS - a.takenAtS) }];
    }),
  );
}

function toVersion(version: string, rows: readonly WatchedFileRow[]): TakenVersion {
  return {
    version,
    takenAtS: Math.max(...rows.map(({ takenAtS }) => takenAtS)),
    sizeBytes: rows.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    files: new Map(rows.map(({ path, sizeBytes, modifiedMs }) => [path, { sizeBytes, modifiedMs }])),
  };
}

/** What the files of the newest versions belong to. */
export function modelsByPath(taken: ReadonlyMap<string, TakenModel>): Map<string, string> {
  const paths = new Map<string, string>();
  for (const { model, versions } of taken.values()) {
    for (const path of versions[0]?.files.keys() ?? []) paths.set(path, model);
  }
  return paths;
}

/** What lies there now is what this version was made of. */
export function isMadeOf(version: TakenVersion | undefined, { files }: Pick<Unit, "files">): boolean {
  return version?.files.size === files.length &&
    files.every((file) => isSame(version.files.get(file.path), file));
}

/**
 * Versions that are not kept. One whose files are all in a later one that has more was made of a folder that was not filled yet.
 *
 * @param keptMax How many of a model are kept when nothing else speaks against them.
 */
export function outdated({ versions }: TakenModel, keptMax = VERSIONS_KEPT): TakenVersion[] {
  const [newest, ...before] = versions;
  if (newest === undefined) return [];
  return before.filter((version, index) => {
    const isPart = version.files.size < newest.files.size &&
      [...version.files].every(([path, file]) => isSame(newest.files.get(path), file));
    return isPart || index + 1 >= keptMax;
  });
}

function isSame(
  a: Pick<FoundFile, "sizeBytes" | "modifiedMs"> | undefined,
  b: Pick<FoundFile, "sizeBytes" | "modifiedMs">,
): boolean {
  return a?.sizeBytes === b.sizeBytes && a.modifiedMs === b.modifiedMs;
}
