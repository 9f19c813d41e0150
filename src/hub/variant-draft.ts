import type { ModelFormat } from "./types.ts";

/** A variant before it has its final name and the files that all variants share. */
export interface VariantDraft {
  /** What it would like to be called. */
  readonly name: string;
  readonly format: ModelFormat;
  readonly quantization: string | null;
  readonly weightFiles: readonly string[];
  /** Files beside the weights that no other variant needs: an index of shards, a whole folder. */
  readonly ownFiles?: readonly string[];
}

/** What one format found among the files. */
export interface FormatFind {
  readonly drafts: readonly VariantDraft[];
  /** Files of this format, usable or not: none of them belongs to all variants. */
  readonly taken: ReadonlySet<string>;
}

/** Everything before the last slash; empty at the root. */
export function folderOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export function joinPath(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

/** By code unit: the same everywhere, whatever the language of the machine. */
export function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function groupBy<T, K>(items: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
