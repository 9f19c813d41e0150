import { type Clock, type Digest, isLarderError, LarderError, logger } from "../core/index.ts";
import type { BlobRow, Registry } from "../registry/index.ts";
import type { BlobStore } from "../store/index.ts";
import type { FileLookup, FoundFile } from "./file-lookup.ts";
import type { Quarantine } from "./quarantine.ts";
import type { Repair } from "./repair.ts";
import type { ServedFile } from "./types.ts";
import type { UseRecorder } from "./use/index.ts";

const RETRY_AFTER_S = 5;
/** How long a file that was found whole on disk is taken to be so: under load the look costs more than the answer. */
const RECHECK_MS = 100;
const log = logger("files");

export interface ServeFileDeps {
  readonly registry: Pick<Registry, "findBlob">;
  readonly lookup: Pick<FileLookup, "find">;
  readonly store: Pick<BlobStore, "open">;
  readonly repair: Pick<Repair, "blob">;
  readonly quarantine: Pick<Quarantine, "takeOut">;
  /** Told of every file that is served. */
  readonly uses: Pick<UseRecorder, "noteFiles">;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly repairWaitMs: number;
  /** Ends background repairs when the library closes. */
  readonly signal: AbortSignal;
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
  if (file.state !== "intact") {
    return afterRepair(deps, file.digest, undefined, { version, immutable, variants });
  }
  try {
    found.served = {
      digest: file.digest,
      ...deps.store.open(file.digest, file.sizeBytes),
      version,
      immutable,
    };
    found.servedAtMs = nowMs;
    deps.uses.noteFiles(variants);
    return found.served;
  } catch (error) {
    if (!isLarderError(error, "BLOB_MISSING") && !isLarderError(error, "BLOB_DAMAGED")) throw error;
    const found = error.code === "BLOB_MISSING" ? "missing" : "damaged";
    return afterRepair(deps, file.digest, found, { version, immutable, variants });
  }
}

async function afterRepair(
  deps: ServeFileDeps,
  digest: Digest,
  found: "missing" | "damaged" | undefined,
  { variants, ...served }: Pick<ServedFile, "version" | "immutable"> & Pick<FoundFile, "variants">,
): Promise<ServedFile> {
  const blob = deps.registry.findBlob(digest);
  if (blob === undefined) throw missing(digest);
  // A wrong length says nothing of single chunks: none of them is taken as good.
  if (found !== undefined) await deps.quarantine.takeOut(blob, { state: found, badChunks: allChunks(blob) });
  const repairing = deps.repair.blob(blob, deps.signal).then(() => "repaired" as const);
  repairing.catch((error: unknown) =>
    log.warn("cannot repair {digest}: {error}", { digest: blob.digest, error: String(error) })
  );
  const outcome = await Promise.race([
    repairing,
    Bun.sleep(deps.repairWaitMs).then(() => "waiting" as const),
  ]);
  if (outcome === "waiting") {
    throw new LarderError("BLOB_REPAIRING", `Cannot serve blob ${blob.digest} yet: it is being repaired`, {
      retryable: true,
      retryAfterS: RETRY_AFTER_S,
      hint: "Try again in a few seconds.",
    });
  }
  deps.uses.noteFiles(variants);
  return { digest: blob.digest, ...deps.store.open(blob.digest, blob.sizeBytes), ...served };
}

function allChunks(blob: BlobRow): number[] {
  return Array.from({ length: (blob.chunkDigests?.byteLength ?? 0) / 32 }, (_, index) => index);
}

function missing(digest: string): LarderError {
  return new LarderError("BLOB_MISSING", `Cannot find blob ${digest}`, {
    hint: "Run `larder repair`, or pull the model again.",
  });
}
