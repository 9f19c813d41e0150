import { LRUCache } from "lru-cache";
import type { LocatedFile, Registry } from "../registry/index.ts";
import { resolveVersion } from "./names.ts";
import type { ServedFile } from "./types.ts";
import { type UsedVariant, usedVariant } from "./use/index.ts";

const ENTRIES_MAX = 10_000;

/** A file as it was found by name; `file` is absent when the version has no such path. */
export interface FoundFile {
  readonly version: string;
  readonly file: LocatedFile | undefined;
  /** Those that the file is part of and that are here. */
  readonly variants: readonly UsedVariant[];
  /** The answer that this led to last, and when its bytes were looked at. */
  served: ServedFile | undefined;
  servedAtMs: number;
}

/** Answers again what the registry answered before, for as long as nothing in it has changed. */
export class FileLookup {
  readonly #files = new LRUCache<string, FoundFile>({ max: ENTRIES_MAX });
  readonly #models = new LRUCache<string, boolean>({ max: ENTRIES_MAX });
  #generation = -1;

  constructor(private readonly registry: Registry) {}

  /** @throws {LarderError} MODEL_NOT_FOUND, VERSION_NOT_FOUND */
  find(model: string, versionOrAlias: string, path: string): FoundFile {
    this.#forgetOld();
    const key = `${model}\0${versionOrAlias}\0${path}`;
    const known = this.#files.get(key);
    if (known !== undefined) return known;
    const version = resolveVersion(this.registry, model, versionOrAlias);
    const file = this.registry.findFile(model, version, path);
    const variants = this.registry.variantsOfFile(model, version, path)
      .map((variant) => usedVariant({ model, version, variant }));
    const found: FoundFile = { version, file, variants, served: undefined, servedAtMs: 0 };
    this.#files.set(key, found);
    return found;
  }

  hasModel(model: string): boolean {
    this.#forgetOld();
    const known = this.#models.get(model);
    if (known !== undefined) return known;
    const found = this.registry.hasModel(model);
    this.#models.set(model, found);
    return found;
  }

  #forgetOld(): void {
    const generation = this.registry.generation();
    if (generation === this.#generation) return;
    this.#generation = generation;
    this.#files.clear();
    this.#models.clear();
  }
}
