import type { ModelKey } from "../../cache/index.ts";
import type { Digest } from "../../core/index.ts";
import type { Registry, VersionFile, VersionRow } from "../../registry/index.ts";
import type { EvictionFacts, Holder, VariantBlob } from "./plan.ts";

/** Bytes with more names than this, such as those of an empty file, are never counted as freed. */
const HOLDERS_MAX = 1000;

export interface FactsDeps {
  readonly registry: Pick<Registry, "findVersion" | "namesOf">;
  /** Whether a regular file of this size lies at a path outside the home. */
  readonly isThere: (path: string, sizeBytes: number) => boolean;
}

/** What the registry knows of variants, each version looked up once. For one plan: it does not see what changes meanwhile. */
export function storedFacts(
  { registry, isThere }: FactsDeps,
): Pick<EvictionFacts, "blobsOf" | "holdersOf" | "comesBack"> {
  const versions = new Map<string, VersionRow | undefined>();
  const findVersion = ({ model, version }: Omit<ModelKey, "variant">) => {
    const key = `${model}@${version}`;
    if (!versions.has(key)) versions.set(key, registry.findVersion(model, version));
    return versions.get(key);
  };
  const holders = new Map<Digest, readonly Holder[] | undefined>();
  const holdersOf = (digest: Digest): readonly Holder[] | undefined => {
    if (!holders.has(digest)) {
      const names = registry.namesOf(digest, HOLDERS_MAX + 1);
      const found = names.map(({ path, ...place }) => ({
        ...place,
        variants: variantsOf(findVersion(place), path),
      }));
      holders.set(digest, names.length > HOLDERS_MAX ? undefined : found);
    }
    return holders.get(digest);
  };
  return {
    holdersOf,
    blobsOf: (key) => distinctBlobs(filesOf(findVersion(key), key.variant)),
    comesBack: (key) => filesOf(findVersion(key), key.variant).every((file) => hasSource(file, isThere)),
  };
}

/** What no variant names belongs to all of them, and goes with the last. */
function variantsOf(row: VersionRow | undefined, path: string): string[] {
  const all = row?.variants ?? [];
  const some = all.filter(({ paths }) => paths.includes(path));
  return (some.length > 0 ? some : all).map(({ name }) => name);
}

/** With the last variant of a version all of its files go. */
function filesOf(row: VersionRow | undefined, variant: string): readonly VersionFile[] {
  if (row === undefined) return [];
  const named = new Set(row.variants.flatMap(({ paths }) => paths));
  const own = new Set(row.variants.find(({ name }) => name === variant)?.paths);
  return row.files.filter(({ path }) => own.has(path) || !named.has(path));
}

function distinctBlobs(files: readonly VersionFile[]): VariantBlob[] {
  const sizes = new Map(files.map(({ digest, sizeBytes }) => [digest, sizeBytes]));
  return [...sizes].map(([digest, sizeBytes]) => ({ digest, sizeBytes }));
}

function hasSource({ sources, sizeBytes }: VersionFile, isThere: FactsDeps["isThere"]): boolean {
  return sources.some(({ kind, location }) => kind === "url" || isThere(location, sizeBytes));
}
