import type { VersionFile, VersionRecord } from "../registry/index.ts";

/** A version without one of its variants and the files that only this one has. */
export interface Remainder {
  /** Undefined when it was the last variant. */
  readonly record: VersionRecord | undefined;
  readonly dropped: readonly VersionFile[];
}

export function withoutVariant(version: VersionRecord, name: string): Remainder {
  const variants = version.variants.filter((variant) => variant.name !== name);
  if (variants.length === 0) return { record: undefined, dropped: version.files };
  const needed = new Set(variants.flatMap(({ paths }) => paths));
  const ofVariant = new Set(version.variants.find((variant) => variant.name === name)?.paths);
  // A file that no variant names belongs to all of them.
  const leaves = ({ path }: VersionFile) => ofVariant.has(path) && !needed.has(path);
  return {
    record: { ...version, variants, files: version.files.filter((file) => !leaves(file)) },
    dropped: version.files.filter(leaves),
  };
}
