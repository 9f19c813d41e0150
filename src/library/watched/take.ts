import { DEFAULT_VARIANT, isLarderError, LarderError } from "../../core/index.ts";
import { findVariants, type HubFile, type HubVariant } from "../../hub/index.ts";
import type { Registry, VersionFile } from "../../registry/index.ts";
import type { ModelFile, Runtimes } from "../../runtimes/index.ts";
import type { BlobStore, ImportMode } from "../../store/index.ts";
import { readSmallFile } from "../hub-cache-blob.ts";
import { recordImported } from "../record-imported.ts";
import { freeBlobs } from "../free-blobs.ts";
import { deriveVersion, type VersionWriter } from "../version-writer.ts";
import type { Formats } from "./formats.ts";
import type { Placed } from "./placing.ts";
import type { Unit } from "./units.ts";
import { type FoundFile, isUnchanged } from "./walk.ts";

const CONFIG_BYTES_MAX = 1024 * 1024;
/** More of them are rather what a model is to be used on. */
const FILES_MAX = 2000;
const WEIGHTS = /\.(?:gguf|onnx|safetensors)$/i;

export interface TakeDeps {
  readonly registry: Registry;
  readonly store: Pick<BlobStore, "importFile" | "pin" | "remove" | "has" | "open">;
  readonly versions: Pick<VersionWriter, "add" | "renew">;
  readonly runtimes: Pick<Runtimes, "inspect">;
  readonly nowS: () => number;
}

export interface TakeRequest extends Placed {
  readonly folder: string;
  readonly mode: ImportMode;
  readonly formats: Formats;
  readonly signal: AbortSignal;
}

interface WantedVariant {
  readonly name: string;
  readonly files: readonly FoundFile[];
}

/**
 * Makes a version of what lies in a watched folder: its headers are read, its bytes taken in, and only when nothing of it changed
 * meanwhile the version is written, variant by variant, each whole. What was taken is noted last; after a crash it is done again and
 * comes to the same.
 *
 * @throws {LarderError} BUSY when something changed meanwhile; MODEL_BROKEN and NOT_SUPPORTED for what is no sound model;
 * VARIANT_NOT_FOUND when parts of it are missing; what the store says.
 */
export async function takeUnit(deps: TakeDeps, request: TakeRequest): Promise<void> {
  const { unit, folder } = request;
  if (unit.files.length > FILES_MAX) throw tooMany(unit);
  const variants = await soundVariants(deps, request);
  const wanted = new Set(variants.flatMap(({ files }) => files));
  const taken = new Map<FoundFile, VersionFile>();
  const unpins: Array<() => void> = [];
  try {
    for (const file of wanted) taken.set(file, await takeFile(deps, request, file, unpins));
    for (const file of unit.files) if (!await isUnchanged(folder, file)) throw changed(unit);
    await writeVersion(deps, request, variants, taken);
  } catch (error) {
    for (const unpin of unpins.splice(0)) unpin();
    await freeBlobs(deps, [...new Set([...taken.values()].map(({ digest }) => digest))]);
    throw error;
  } finally {
    for (const unpin of unpins) unpin();
  }
}

/** Variants that hold a model and whose headers are right; a broken one keeps no other from being taken. */
async function soundVariants(deps: TakeDeps, request: TakeRequest): Promise<WantedVariant[]> {
  const sound: WantedVariant[] = [];
  let fault: LarderError | undefined;
  for (const variant of await variantsOf(request.unit)) {
    if (!await request.formats.hasModel(variant.files)) continue;
    try {
      await deps.runtimes.inspect(variant.files.map((file) => modelFile(request.unit, file)));
      sound.push(variant);
    } catch (error) {
      if (!isLarderError(error)) throw error;
      if (["BLOB_DAMAGED", "BLOB_MISSING", "UNSAFE_PATH"].includes(error.code)) {
        throw changed(request.unit, error);
      }
      fault ??= error;
    }
  }
  if (sound.length > 0) return sound;
  throw fault ?? incomplete(request.unit);
}

async function variantsOf(unit: Unit): Promise<WantedVariant[]> {
  const byPath = new Map(unit.files.map((file) => [pathInVersion(unit, file), file]));
  const files = [...byPath].map(([path, { sizeBytes }]): HubFile => ({ path, sizeBytes, gitOid: "" }));
  const found = findVariants(files, await readConfig(byPath.get("config.json")));
  // Without any variant all files are one, whatever they are: parts of a model that is not whole are no model.
  const whole = found.variants.filter(({ format }) =>
    format !== "other" || !unit.files.some(({ path }) => WEIGHTS.test(path))
  );
  return whole.map((variant) => ({
    name: nameOf(variant, found.variants.length),
    files: variant.files.flatMap((path) => byPath.get(path) ?? []),
  }));
}

/** A name that the files do not bear is a guess that only tells variants apart. */
function nameOf({ name, weightFiles }: HubVariant, count: number): string {
  const isBorne = weightFiles.some((path) => path.toLowerCase().includes(name.toLowerCase()));
  return count > 1 || isBorne ? name : DEFAULT_VARIANT;
}

/** It only gives variants their names: what cannot be read of it is found out when it is taken. */
async function readConfig(file: FoundFile | undefined): Promise<unknown> {
  const text = file && await readSmallFile(file.localPath, CONFIG_BYTES_MAX).catch(() => undefined);
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function takeFile(
  { store, registry }: TakeDeps,
  { unit, mode, signal }: TakeRequest,
  file: FoundFile,
  unpins: Array<() => void>,
): Promise<VersionFile> {
  const imported = await store.importFile(file.localPath, { mode, signal })
    .catch((error: unknown) => {
      throw isLarderError(error, "BAD_SOURCE") ? changed(unit, error) : error;
    });
  const { digest, sizeBytes } = imported;
  unpins.push(store.pin(digest));
  await recordImported({ registry, store }, imported);
  const sources = [{ kind: "path", location: file.localPath }] as const;
  return { path: pathInVersion(unit, file), digest, sizeBytes, sources };
}

async function writeVersion(
  deps: TakeDeps,
  { unit, model, folder }: TakeRequest,
  variants: readonly WantedVariant[],
  taken: ReadonlyMap<FoundFile, VersionFile>,
): Promise<void> {
  const { registry, versions } = deps;
  const version = deriveVersion([...taken.values()]);
  const isBack = registry.findVersion(model, version) !== undefined;
  for (const { name, files } of variants) {
    const versionFiles = files.flatMap((file) => taken.get(file) ?? []);
    await versions.add({ model, version, variant: name, files: versionFiles, aliases: [] });
  }
  if (isBack) await versions.renew(model, version);
  const takenAtS = deps.nowS();
  await registry.putWatchedFiles(unit.files.map(({ path, sizeBytes, modifiedMs }) => ({
    ...{ folder, model, version, path, sizeBytes, modifiedMs, takenAtS },
  })));
}

function pathInVersion({ base }: Unit, { path }: FoundFile): string {
  return path.slice(base.length);
}

/** Digests are found as bytes are taken in; headers do not need them. */
function modelFile(unit: Unit, file: FoundFile): ModelFile {
  const { localPath, sizeBytes } = file;
  return { path: pathInVersion(unit, file), localPath, sizeBytes, sha256: "" };
}

function changed({ path }: Unit, cause?: unknown): LarderError {
  return new LarderError("BUSY", `Cannot take ${path} yet: it is being changed`, { retryable: true, cause });
}

function tooMany({ path }: Unit): LarderError {
  return new LarderError("TOO_MANY", `Cannot take ${path}: it has more than ${FILES_MAX} files`, {
    hint: "Keep a model in a folder of its own.",
  });
}

function incomplete({ path }: Unit): LarderError {
  return new LarderError("VARIANT_NOT_FOUND", `Cannot take ${path}: parts of the model are missing`, {
    hint: "Put all of its files there, such as every part of a model that was split.",
  });
}
