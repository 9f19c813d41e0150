import { join } from "node:path";
import { LarderError, LATEST, parseModelRef } from "../core/index.ts";
import type { Registry, VersionRow } from "../registry/index.ts";
import { type BlobStore, type HubViewFile, viewPath } from "../store/index.ts";
import { DEFAULT_REVISION, isCommit } from "./hub-plan.ts";
import { findVersion } from "./names.ts";
import type { Soundness } from "./soundness.ts";
import type { PathLayout, PathView } from "./types.ts";
import { type UsedVariant, usedVariant, type UseRecorder } from "./use/index.ts";

export interface PathDeps {
  readonly registry: Registry;
  readonly store: Pick<BlobStore, "makeView" | "makeHubView">;
  /** What an engine does with the files nobody sees: being asked for them is the use. */
  readonly uses: Pick<UseRecorder, "noteFiles">;
  readonly soundness: Pick<Soundness, "ensure">;
}

/**
 * Makes the folder with real file names for a version, or for one variant's files of it; with the layout `hf` as the hub's own tools
 * keep it, so that they find the version by its commit, its name, its aliases and, when it is the latest one of a model that has no
 * alias `main`, as `main` too.
 *
 * @throws {LarderError} BAD_REFERENCE, *_NOT_FOUND, BLOB_MISSING, BLOB_DAMAGED; with `hf` BAD_NAME for a model that no hub could have.
 */
export async function ensurePath(
  deps: PathDeps,
  reference: string,
  { layout = "names" }: { readonly layout?: PathLayout } = {},
): Promise<PathView> {
  const ref = parseModelRef(reference);
  const version = findVersion(deps.registry, ref);
  refuseUnsound(deps.registry, version);
  await deps.soundness.ensure(version.files.map(({ digest }) => digest));
  const made = layout === "hf" ? await makeHubFolder(deps, version) : await makeNamedFolder(deps, version);
  const wanted = ref.variant === undefined
    ? undefined
    : new Set(version.variants.find(({ name }) => name === ref.variant)?.paths);
  deps.uses.noteFiles(usedVariants(version, ref.variant));
  return {
    model: version.model,
    version: version.version,
    folder: made.folder,
    ...(made.cacheFolder === undefined ? {} : { cache_folder: made.cacheFolder }),
    files: version.files.filter(({ path }) => wanted === undefined || wanted.has(path)).map((
      { path, sizeBytes },
    ) => ({
      path,
      local_path: join(made.folder, made.nameOf(path)),
      size_bytes: sizeBytes,
    })),
  };
}

function usedVariants({ model, version, variants }: VersionRow, named: string | undefined): UsedVariant[] {
  return variants.filter(({ name, status }) => status === "downloaded" && name === (named ?? name))
    .map(({ name }) => usedVariant({ model, version, variant: name }));
}

interface MadeFolder {
  readonly folder: string;
  readonly cacheFolder?: string;
  readonly nameOf: (path: string) => string;
}

async function makeNamedFolder({ store }: PathDeps, version: VersionRow): Promise<MadeFolder> {
  const folder = await store.makeView(version.model, version.version, version.files);
  return { folder, nameOf: viewPath };
}

async function makeHubFolder({ registry, store }: PathDeps, version: VersionRow): Promise<MadeFolder> {
  const { cacheFolder, snapshotFolder } = await store.makeHubView(version.model, version.version, {
    files: version.files.map(({ path, digest, sizeBytes, gitOid }): HubViewFile => ({
      ...{ path, digest, sizeBytes },
      ...(gitOid === undefined ? {} : { gitOid }),
    })),
    refs: refsOf(registry, version),
  });
  return { folder: snapshotFolder, cacheFolder, nameOf: (path) => path };
}

function refsOf(registry: Registry, { model, version }: VersionRow): string[] {
  const aliases = registry.findModel(model)?.aliases ?? {};
  const names = Object.entries(aliases).filter(([, target]) => target === version).map(([alias]) => alias);
  const isMain = aliases[DEFAULT_REVISION] === undefined &&
    registry.resolveVersion(model, LATEST) === version;
  return [...names, ...(isMain ? [DEFAULT_REVISION] : []), ...(isCommit(version) ? [] : [version])];
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
