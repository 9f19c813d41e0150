import { join } from "node:path";
import { formatModelRef, LarderError } from "../../core/index.ts";
import type { Loaded, ModelKey } from "../../cache/index.ts";
import type { Registry, VersionFile } from "../../registry/index.ts";
import {
  type LoadedModel,
  type ModelFile,
  type ModelMetadata,
  OPTION_NAMES,
  type Runtimes,
} from "../../runtimes/index.ts";
import { type BlobStore, viewPath } from "../../store/index.ts";
import { type LoadOptions, pick } from "../options/index.ts";
import type { Soundness } from "../soundness.ts";
import { downloadedFiles } from "../variant-files.ts";

export interface ModelLoaderDeps {
  readonly registry: Registry;
  readonly store: Pick<BlobStore, "makeView" | "blobPath" | "pin">;
  readonly runtimes: Runtimes;
  readonly soundness: Pick<Soundness, "ensure">;
  /** As a user set them. */
  readonly optionsOf: (key: ModelKey) => LoadOptions;
}

/** What is loaded: the model, and what keeps its bytes on disk meanwhile. */
export interface LoadedVariant {
  readonly runtime: LoadedModel;
  readonly metadata: ModelMetadata;
  readonly loadedWith: LoadOptions;
}

/** Brings a variant from its blobs into memory. */
export class ModelLoader {
  constructor(private readonly deps: ModelLoaderDeps) {}

  /**
   * @param wanted In place of what a user set.
   * @throws {LarderError} VARIANT_NOT_FOUND; BLOB_MISSING, BLOB_DAMAGED, BLOB_REPAIRING; what the runtime says.
   */
  async load(
    key: ModelKey,
    signal: AbortSignal,
    wanted = this.deps.optionsOf(key),
  ): Promise<Loaded<LoadedVariant>> {
    const files = this.#files(key);
    // What is in memory may map its file: it stays until the memory is given back.
    const unpins = files.map(({ digest }) => this.deps.store.pin(digest));
    try {
      await this.deps.soundness.ensure(files.map(({ digest }) => digest));
      const folder = await this.#folder(key);
      const loadedWith = await this.#understood(key, wanted);
      const runtime = await this.deps.runtimes.load({
        label: labelOf(key),
        folder,
        files: files.map((file) => modelFile(folder, file)),
        isolation: loadedWith.isolation,
        options: loadedWith.runtime,
      }, signal);
      return {
        model: { runtime, metadata: runtime.metadata, loadedWith },
        get bytes() {
          return runtime.memoryBytes;
        },
        lost: runtime.lost,
        dispose: async () => {
          try {
            await runtime.dispose();
          } finally {
            for (const unpin of unpins) unpin();
          }
        },
      };
    } catch (error) {
      for (const unpin of unpins) unpin();
      throw error;
    }
  }

  /** From headers; nothing is loaded. */
  async inspect(key: ModelKey): Promise<ModelMetadata> {
    const files = this.#files(key);
    const folder = await this.#folder(key);
    return await this.deps.runtimes.inspect(files.map((file) => modelFile(folder, file)));
  }

  /** What a load is expected to need, from the sizes of the files. */
  estimateBytes(key: ModelKey): number {
    return this.#files(key).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  /** Options hold for all versions and variants of a model, and they need not all be of one runtime. */
  async #understood(key: ModelKey, { isolation, runtime: options }: LoadOptions): Promise<LoadOptions> {
    if (Object.keys(options).length === 0) return { isolation, runtime: options };
    const { runtime } = await this.inspect(key);
    return { isolation, runtime: pick(options, OPTION_NAMES[runtime]) };
  }

  #files({ model, version, variant }: ModelKey): VersionFile[] {
    const row = this.deps.registry.findVersion(model, version);
    const files = row && downloadedFiles(row, variant);
    if (files !== undefined) return files;
    throw new LarderError(
      "VARIANT_NOT_FOUND",
      `Cannot load ${model}@${version}:${variant}: it is not here any more`,
      {
        field: "variant",
        hint: "Pull it again.",
      },
    );
  }

  /** It holds all files of a version that are here, whichever variant is loaded from it. */
  #folder({ model, version }: ModelKey): Promise<string> {
    const files = this.deps.registry.findVersion(model, version)?.files ?? [];
    const isHere = ({ digest }: VersionFile) => this.deps.registry.findBlob(digest)?.state === "intact";
    return this.deps.store.makeView(model, version, files.filter(isHere));
  }
}

/** `iris@1.0.0:default`, as messages and memories of failures call it. */
export function labelOf({ model, version, variant }: ModelKey): string {
  return formatModelRef({ model, version, variant });
}

function modelFile(folder: string, { path, sizeBytes, digest }: VersionFile): ModelFile {
  return { path, localPath: join(folder, viewPath(path)), sizeBytes, sha256: digest };
}
