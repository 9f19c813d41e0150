import { type Clock, type Digest, isLarderError, LarderError } from "../core/index.ts";
import type { LocatedFile } from "../registry/index.ts";
import type { BlobStore, OpenedBlob } from "../store/index.ts";
import type { FileLookup, FoundFile } from "./file-lookup.ts";
import type { Soundness } from "./soundness.ts";
import type { ServedFile } from "./types.ts";
import type { UseRecorder } from "./use/index.ts";

/** How long a file that was found whole on disk is taken to be so: under load the look costs more than the answer. */
const RECHECK_MS = 100;

export interface ServeFileDeps {
  readonly lookup: Pick<FileLookup, "find">;
  readonly store: Pick<BlobStore, "open">;
  readonly soundness: Pick<Soundness, "mend">;
  /** Told of every file that is served. */
  readonly uses: Pick<UseRecorder, "noteFiles">;
  readonly clock: Pick<Clock, "monotonicMs">;
}

/** Finds the bytes of a file by name: at once when they are sound, after a repair when they are not. */
export function serveFile(
  deps: ServeFileDeps,
  model: string,
  versionOrAlias: string,
  path: string,
): ServedFile | Promise<ServedFile> {
  const found = deps.lookup.find(model, versionOrAlias, path);
  const nowMs = deps.clock.monotonicMs();
  if (found.served !== undefined && nowMs - found.servedAtMs < RECHECK_MS) {
    deps.uses.noteFiles(found.variants);
    return found.served;
  }
  const { version, file, variants } = found;
  if (file === undefined) {
    throw new LarderError(
      "FILE_NOT_FOUND",
      `Cannot find file ${JSON.stringify(path)} in ${model}@${version}`,
      {
        field: "path",
        hint: `See \`larder show ${model}@${version}\` for its files.`,
      },
    );
  }
  const immutable = version === versionOrAlias;
  const opened = file.state === "intact" ? findSound(deps.store, file) : undefined;
  if (opened === undefined) return afterRepair(deps, file.digest, { version, immutable, variants });
  found.served = { digest: file.digest, path: opened.path, sizeBytes: opened.sizeBytes, version, immutable };
  found.servedAtMs = nowMs;
  deps.uses.noteFiles(variants);
  return found.served;
}

/** Undefined when it is not as it was when its bytes were last seen to be right. When nobody noted that, its length has to do. */
function findSound(
  store: Pick<BlobStore, "open">,
  { digest, sizeBytes, modifiedMs }: LocatedFile,
): OpenedBlob | undefined {
  try {
    const opened = store.open(digest, sizeBytes);
    return modifiedMs === null || opened.modifiedMs === modifiedMs ? opened : undefined;
  } catch (error) {
    if (!isLarderError(error, "BLOB_MISSING") && !isLarderError(error, "BLOB_DAMAGED")) throw error;
    return undefined;
  }
}

async function afterRepair(
  deps: ServeFileDeps,
  digest: Digest,
  { variants, ...served }: Pick<ServedFile, "version" | "immutable"> & Pick<FoundFile, "variants">,
): Promise<ServedFile> {
  const { path, sizeBytes } = await deps.soundness.mend(digest);
  deps.uses.noteFiles(variants);
  return { digest, path, sizeBytes, ...served };
}
