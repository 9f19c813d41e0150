import { LarderError } from "../core/index.ts";
import { findVariants, type HubFile } from "../hub/index.ts";
import { type CachedBlob, readSmallFile } from "./hub-cache-blob.ts";
import type { CachedFile, CachedRepo, CachedSnapshot } from "./hub-cache-scan.ts";
import { orSkip, type Skip } from "./hub-cache-skip.ts";

const CONFIG = "config.json";
const CONFIG_BYTES_MAX = 1024 * 1024;

/** A file that is to be taken. */
export interface WantedFile extends CachedFile {
  readonly blob: CachedBlob;
}

/** What is to be taken of one snapshot. */
export interface SnapshotPlan {
  readonly repo: CachedRepo;
  readonly commit: string;
  readonly place: string;
  readonly variants: ReadonlyArray<{ readonly name: string; readonly files: readonly WantedFile[] }>;
  /** Of all variants, each once. */
  readonly files: readonly WantedFile[];
}

/**
 * Finds the variants that a snapshot holds whole. They are looked for among all names in it, also of files that cannot be used, so that
 * a model whose weights are damaged does not come in as what is left of it. Files of no variant are told.
 */
export async function planSnapshot(
  repo: CachedRepo,
  { commit, place, files }: CachedSnapshot,
  skip: Skip,
): Promise<SnapshotPlan> {
  const usable = new Map(files.filter(isUsable).map((file) => [file.path, file]));
  const found = findVariants(files.map(toHubFile), await readConfig(usable.get(CONFIG)));
  const variants = found.variants.flatMap(({ name, files: paths }) => {
    const wanted = paths.map((path) => usable.get(path));
    return wanted.every((file) => file !== undefined) ? [{ name, files: wanted }] : [];
  });
  const claimed = new Set(found.variants.flatMap((variant) => variant.files));
  for (const file of usable.values()) if (!claimed.has(file.path)) skip(file.place, ofNoVariant(file.place));
  const wanted = new Set(variants.flatMap((variant) => variant.files));
  return { repo, commit, place, variants, files: [...wanted] };
}

function isUsable(file: CachedFile): file is WantedFile {
  return file.blob !== undefined;
}

/** Variants are found by names and lengths. */
function toHubFile({ path, blob }: CachedFile): HubFile {
  const proof = blob?.proof;
  return {
    path,
    sizeBytes: blob?.sizeBytes ?? 0,
    gitOid: proof?.kind === "git" ? proof.gitOid : "",
    ...(proof?.kind === "sha256" ? { sha256: proof.digest } : {}),
  };
}

/**
 * Its bytes are not verified yet: they only give variants their names, and a wrong digest keeps all of them from coming in. Taking it will
 * tell what is wrong with it.
 */
async function readConfig(file: WantedFile | undefined): Promise<unknown> {
  if (file === undefined) return undefined;
  const { localPath } = file.blob;
  const text = await orSkip(() => {}, file.place, () => readSmallFile(localPath, CONFIG_BYTES_MAX));
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function ofNoVariant(place: string): LarderError {
  return new LarderError(
    "VARIANT_NOT_FOUND",
    `Cannot take ${place}: it belongs to no variant that is known`,
    {
      hint: "Import it by itself with `larder import`, or pull it by its name.",
    },
  );
}
