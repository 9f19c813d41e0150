import { DEFAULT_VARIANT, isLarderError, LarderError, LATEST } from "../../core/index.ts";
import type { ModelKey } from "../../cache/index.ts";
import type { Registry, VersionRow } from "../../registry/index.ts";
import type { ModelTarget } from "../model-types.ts";
import { resolveVersion } from "../names.ts";
import { downloadedFiles, findLost } from "../variant-files.ts";

/** Earlier versions that are looked at when the one asked for cannot be loaded. */
const VERSIONS_MAX = 8;
const CACHED_MAX = 10_000;

export interface FallbackRules {
  /** Another version may stand in where `latest` or an alias was asked for. */
  readonly versions: boolean;
  /** A smaller variant of the same version may stand in. */
  readonly variants: boolean;
}

/** A name that was used, and what it stood for then. */
interface Named {
  readonly target: ModelTarget;
  readonly keys: readonly ModelKey[];
}

/** Turns what a client calls a model into keys to try, the one asked for first. Remembered until the registry changes. */
export class Candidates {
  #known = new Map<string, Named>();
  /** What names stood for before the registry changed. */
  #before = new Map<string, Named>();
  /** What names mean, whether or not that serves them already. */
  #meant = new Map<string, readonly ModelKey[]>();
  #generation = -1;

  constructor(
    private readonly registry: Registry,
    /** Of several variants, the one that is meant when none is named. */
    private readonly preferred: (model: string, version: string) => string | undefined,
    private readonly rules: () => FallbackRules,
    private readonly isLoaded: (key: ModelKey) => boolean,
  ) {}

  /**
   * What serves a name now. When it has come to stand for another version, the one before goes on until a reload has been tried:
   * nobody waits for it.
   *
   * @throws {LarderError} MODEL_NOT_FOUND, VERSION_NOT_FOUND, VARIANT_NOT_FOUND
   */
  of(target: ModelTarget): readonly ModelKey[] {
    this.#lookForChanges();
    const name = nameOf(target);
    const known = this.#known.get(name);
    if (known !== undefined) return known.keys;
    const keys = this.meantBy(target);
    const before = this.#before.get(name);
    const served = before && hasMoved(before, keys) ? this.#servedBy(before) : undefined;
    if (served !== undefined && keys[0] !== undefined && !this.isLoaded(keys[0])) return [served, ...keys];
    this.#known.set(name, { target, keys });
    return keys;
  }

  /** What a name stands for, loaded or not. @throws {LarderError} As {@link of}. */
  meantBy(target: ModelTarget): readonly ModelKey[] {
    this.#lookForChanges();
    const name = nameOf(target);
    const keys = this.#meant.get(name) ?? this.#find(target);
    this.#meant.set(name, keys);
    return keys;
  }

  /** Names under which this loaded model has been used; those that have come to stand for another one first. */
  namesOf({ model, version, variant }: ModelKey): readonly { target: ModelTarget; hasMoved: boolean }[] {
    this.#lookForChanges();
    const names = this.#namesOf(model).filter((named) => {
      const served = this.#servedBy(named);
      return served?.version === version && served.variant === variant;
    });
    return names.map((named) => ({ target: named.target, hasMoved: hasMoved(named, this.#now(named)) }))
      .sort((a, b) => Number(b.hasMoved) - Number(a.hasMoved));
  }

  /**
   * A reload has been tried: from now on names stand for what they mean, and what cannot be loaded falls back.
   *
   * @param target Default every name of the model.
   */
  settle(model: string, target?: ModelTarget): void {
    for (const named of this.#namesOf(model)) {
      const name = nameOf(named.target);
      if (target !== undefined && name !== nameOf(target)) continue;
      const keys = this.#now(named);
      this.#before.delete(name);
      this.#known.delete(name);
      if (keys.length > 0) this.#known.set(name, { target: named.target, keys });
    }
  }

  #namesOf(model: string): Named[] {
    const names = new Map([...this.#before, ...this.#known]);
    return [...names.values()].filter(({ target }) => target.model === model);
  }

  /** Empty when it stands for nothing any more. */
  #now({ target }: Named): readonly ModelKey[] {
    try {
      return this.meantBy(target);
    } catch (error) {
      if (isLarderError(error)) return [];
      throw error;
    }
  }

  /** What was removed is gone by name at once, loaded or not. */
  #servedBy({ keys }: Named): ModelKey | undefined {
    return keys.find((key) =>
      this.registry.findVersion(key.model, key.version) !== undefined && this.isLoaded(key)
    );
  }

  #lookForChanges(): void {
    const generation = this.registry.generation();
    if (generation === this.#generation && this.#meant.size <= CACHED_MAX) return;
    const kept = this.#before.size + this.#known.size > CACHED_MAX ? [] : this.#before;
    this.#before = new Map([...kept, ...this.#known]);
    this.#known = new Map();
    this.#meant = new Map();
    this.#generation = generation;
  }

  #find({ model, version = LATEST, variant }: ModelTarget): readonly ModelKey[] {
    const resolved = resolveVersion(this.registry, model, version);
    const first = this.#keysOf(model, resolved, variant);
    if (first.length === 0) throw variantNotFound(model, resolved, variant);
    const { versions, variants } = this.rules();
    const own = variants || variant === undefined ? first : first.slice(0, 1);
    // A version that was named is that version: nothing else is.
    if (!versions || version === resolved) return own.slice(0, variants ? undefined : 1);
    const others = this.#earlier(model, resolved).flatMap((one) =>
      this.#keysOf(model, one, variant).slice(0, 1)
    );
    return [...own.slice(0, variants ? undefined : 1), ...others];
  }

  /** Newest first. */
  #earlier(model: string, than: string): string[] {
    const versions = this.registry.findModel(model)?.versions ?? [];
    const at = versions.findIndex(({ version }) => version === than);
    return versions.slice(at + 1, at + 1 + VERSIONS_MAX).map(({ version }) => version);
  }

  /**
   * Variants of a version that are here: the one asked for or preferred, then smaller ones. One whose bytes were lost serves on while
   * it is in memory; else it is chosen only where it is asked for or nothing else is here, and repaired when it is loaded.
   */
  #keysOf(model: string, version: string, variant: string | undefined): ModelKey[] {
    const row = this.registry.findVersion(model, version);
    if (row === undefined) return [];
    const here = row.variants.map(({ name }) => name)
      .filter((name) => downloadedFiles(row, name) !== undefined);
    const usable = here.filter((name) =>
      findLost(this.registry, downloadedFiles(row, name) ?? []) === undefined ||
      this.isLoaded({ model, version, variant: name })
    );
    const first = variant ?? this.#choose(usable, model, version) ?? this.#choose(here, model, version);
    if (first === undefined || !here.includes(first)) return [];
    const limit = sizeOf(row, first);
    const smaller = usable.filter((name) => name !== first && sizeOf(row, name) < limit)
      .sort((a, b) => sizeOf(row, b) - sizeOf(row, a));
    return [first, ...smaller].map((name) => ({ model, version, variant: name }));
  }

  #choose(names: readonly string[], model: string, version: string): string | undefined {
    return names.find((name) => name === this.preferred(model, version)) ??
      names.find((name) => name === DEFAULT_VARIANT) ?? names[0];
  }
}

function nameOf({ model, version = "", variant = "" }: ModelTarget): string {
  return `${model}\n${version}\n${variant}`;
}

function hasMoved({ keys: [before] }: Named, [now]: readonly ModelKey[]): boolean {
  return before !== undefined && now !== undefined && before.version !== now.version;
}

function sizeOf(row: VersionRow, variant: string): number {
  return (downloadedFiles(row, variant) ?? []).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function variantNotFound(model: string, version: string, variant: string | undefined): LarderError {
  return new LarderError(
    "VARIANT_NOT_FOUND",
    `Cannot use ${
      variant === undefined ? "a variant" : `variant ${variant}`
    } of ${model}@${version}: it is not here whole`,
    { field: "variant", hint: `See \`larder show ${model}@${version}\`, pull it, or repair it.` },
  );
}
