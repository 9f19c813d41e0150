import type { ModelCache, ModelKey } from "../../cache/index.ts";
import { type Events, isLarderError, type LarderEvent, LATEST, parseModelRef } from "../../core/index.ts";
import type { OptionsRow, Registry } from "../../registry/index.ts";
import type { ModelTarget, ServedBy } from "../model-types.ts";
import { ALL_VARIANTS, type KeptOptions, pinnedVersions, rowOf, valuesOf } from "./kept-options.ts";

/** After these a name may stand for something else, or for more. */
const MOVES_NAMES: ReadonlySet<LarderEvent["type"]> = new Set<LarderEvent["type"]>([
  ...["version", "variant", "alias", "removed"] as const,
]);

export interface PinsDeps {
  readonly registry: Registry;
  readonly kept: KeptOptions;
  readonly cache: Pick<ModelCache<unknown>, "pin" | "unpin" | "stats">;
  /** What a name stands for, the one asked for first. */
  readonly meantBy: (target: ModelTarget) => readonly ModelKey[];
}

/** Keeps the cache's pins to what users have pinned: by the name they gave, which may come to stand for another version. */
export class Pins {
  constructor(private readonly deps: PinsDeps) {}

  /** Pins what is pinned, and goes on with it when names move. Loads nothing. @returns Ends it. */
  keep(events: Events): () => void {
    for (const model of new Set(this.deps.registry.listPinned().map((row) => row.model))) this.follow(model);
    return events.subscribe((event) => {
      if (MOVES_NAMES.has(event.type) && "model" in event) this.follow(event.model);
    });
  }

  /**
   * Pins what the names of a model stand for now. What they stood for before is let go of when it is not in memory: there it keeps its
   * pin until its successor takes its place.
   */
  follow(model: string): void {
    const { cached_models: loaded } = this.deps.cache.stats();
    this.#settle(model, (key) => loaded.some((one) => isSame(one, key)));
  }

  /** The same after a user has changed what is pinned: nothing else keeps its pin. */
  apply(model: string): void {
    this.#settle(model, () => false);
  }

  async set(target: ModelTarget, key: ModelKey, pinned: boolean): Promise<ServedBy> {
    const { model, version, variant } = key;
    await this.deps.kept.change(model, async () => {
      const rows = pinned ? [this.#pin(target, key)] : this.#unpin(target, key);
      for (const row of rows) await this.deps.kept.put(row);
    });
    this.apply(model);
    this.deps.cache[pinned ? "pin" : "unpin"]({ model, version, variant });
    return { model, version, variant };
  }

  #pin({ version = LATEST }: ModelTarget, { model, variant }: ModelKey): OptionsRow {
    const row = this.deps.kept.row(model, variant);
    return rowOf(row, valuesOf(row), [...new Set([...pinnedVersions(row), version])]);
  }

  /** Under whatever name it was pinned. A pin of all variants is taken back as a whole. */
  #unpin({ version: name = LATEST }: ModelTarget, { model, version, variant }: ModelKey): OptionsRow[] {
    const { kept, registry } = this.deps;
    return [ALL_VARIANTS, variant].map((name) => kept.row(model, name)).filter(({ pinned }) => pinned).map(
      (row) => {
        const others = pinnedVersions(row).filter((one) =>
          one !== name && registry.resolveVersion(model, one) !== version
        );
        return rowOf(row, valuesOf(row), others);
      },
    );
  }

  #settle(model: string, staysPinned: (key: ModelKey) => boolean): void {
    const { cache, kept } = this.deps;
    const wanted = kept.rows(model).flatMap((row) => this.#keysOf(row));
    for (const pin of cache.stats().pins) {
      const { version = "", variant = "", ...ref } = parseModelRef(pin);
      const key = { ...ref, version, variant };
      if (key.model !== model || wanted.some((one) => isSame(one, key))) continue;
      if (!staysPinned(key)) cache.unpin(key);
    }
    for (const key of wanted) cache.pin(key);
  }

  #keysOf(row: OptionsRow): ModelKey[] {
    return pinnedVersions(row).flatMap((version) => {
      try {
        return this.#variantsOf(row, version).flatMap((variant) =>
          this.deps.meantBy({ model: row.model, version, variant }).slice(0, 1)
        );
      } catch (error) {
        // It is not here, or not whole: when it comes, names are looked at again.
        if (!isLarderError(error)) throw error;
        return [];
      }
    });
  }

  #variantsOf({ model, variant }: OptionsRow, name: string): string[] {
    if (variant !== ALL_VARIANTS) return [variant];
    const { registry } = this.deps;
    const version = registry.resolveVersion(model, name);
    const row = version === undefined ? undefined : registry.findVersion(model, version);
    return row?.variants.filter(({ status }) => status === "downloaded").map((one) => one.name) ?? [];
  }
}

function isSame(a: ModelKey, b: ModelKey): boolean {
  return a.model === b.model && a.version === b.version && a.variant === b.variant;
}
