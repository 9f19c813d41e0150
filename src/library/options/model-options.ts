import type { ModelCache, ModelKey } from "../../cache/index.ts";
import { LarderError, LATEST, logger } from "../../core/index.ts";
import type { OptionsRow } from "../../registry/index.ts";
import { OPTION_NAMES, type RuntimeName } from "../../runtimes/index.ts";
import type { LoadedVariant, ModelLoader } from "../models/model-loader.ts";
import type { ModelTarget } from "../model-types.ts";
import type {
  ApplyOptions,
  ModelOptionsApi,
  OptionChanges,
  OptionsChangeView,
  OptionsTarget,
  OptionsView,
  OptionValues,
} from "../options-types.ts";
import { ALL_VARIANTS, type KeptOptions, pinnedVersions, rowOf, valuesOf } from "./kept-options.ts";
import { allowedNames, checkValues, concernsLoad, pick } from "./own-options.ts";
import type { Pins } from "./pins.ts";

const log = logger("options");

export interface ModelOptionsDeps {
  readonly kept: KeptOptions;
  readonly pins: Pins;
  readonly cache: ModelCache<LoadedVariant>;
  readonly loader: Pick<ModelLoader, "inspect">;
  readonly meantBy: (target: ModelTarget) => readonly ModelKey[];
}

/** Reads and changes what is set for models, and brings what is loaded in line with it. */
export class ModelOptions implements Omit<ModelOptionsApi, "tune"> {
  constructor(private readonly deps: ModelOptionsDeps) {}

  async find(target: OptionsTarget): Promise<OptionsView> {
    const { key, runtime } = await this.#look(target);
    return this.#view(target, key, runtime);
  }

  set(
    target: OptionsTarget,
    changes: OptionChanges,
    options: ApplyOptions = {},
  ): Promise<OptionsChangeView> {
    return this.#change(target, options, (row, runtime) => {
      const { given, dropped } = sorted(changes);
      checkValues(runtime, given);
      const kept = Object.entries(valuesOf(row)).filter(([name]) => !dropped.has(name));
      return rowOf(row, { ...Object.fromEntries(kept), ...given }, versionsAfter(row, changes["pinned"]));
    });
  }

  remove(target: OptionsTarget, options: ApplyOptions = {}): Promise<OptionsChangeView> {
    return this.#change(target, options, (row) => rowOf(row, {}, []));
  }

  async #change(
    target: OptionsTarget,
    { apply = true }: ApplyOptions,
    changed: (row: OptionsRow, runtime: RuntimeName) => OptionsRow,
  ): Promise<OptionsChangeView> {
    const { key, runtime } = await this.#look(target);
    return await this.deps.kept.change(target.model, async () => {
      const before = this.deps.kept.row(target.model, target.variant ?? ALL_VARIANTS);
      const row = changed(before, runtime);
      const isForLoad = touchesLoad(before, row);
      const loaded = isForLoad ? this.#loaded(target) : [];
      if (apply && loaded.length > 0) await this.deps.kept.tryOut(row, () => this.#reload(loaded));
      else await this.deps.kept.put(row);
      // A load that failed may succeed with them, and take more or less.
      if (isForLoad) this.deps.cache.forgive(key);
      if (pinnedVersions(before).join() !== pinnedVersions(row).join()) this.deps.pins.apply(target.model);
      const isInForce = !isForLoad || (apply && loaded.length > 0);
      return { ...this.#view(target, key, runtime), applied: isInForce ? "now" : "at the next load" };
    });
  }

  /** All of them, or none. @throws {LarderError} RELOAD_FAILED, CACHE_FULL, NO_MEMORY … */
  async #reload(loaded: readonly ModelKey[]): Promise<void> {
    const done: ModelKey[] = [];
    try {
      for (const key of loaded) {
        if (!this.#isBehind(key)) continue;
        await this.deps.cache.replace(key, key);
        done.push(key);
      }
    } catch (error) {
      // The change is not kept: what has taken it up gives it up, when nobody waits for it.
      void this.#putBack(done);
      throw error;
    }
  }

  async #putBack(keys: readonly ModelKey[]): Promise<void> {
    for (const key of keys) {
      try {
        await this.deps.kept.change(key.model, async () => void await this.deps.cache.replace(key, key));
      } catch (error) {
        log.warn("{model}@{version}:{variant} goes on with options that were not kept: {error}", {
          ...key,
          error: String(error),
        });
      }
    }
  }

  #loaded({ model, variant }: OptionsTarget): ModelKey[] {
    return this.deps.cache.stats().cached_models.filter((one) =>
      one.model === model && one.variant === (variant ?? one.variant)
    ).map(({ model, version, variant }) => ({ model, version, variant }));
  }

  /** Whether it was loaded with other options than those that hold. */
  #isBehind(key: ModelKey): boolean {
    using lease = this.deps.cache.tryAcquire(key);
    if (lease === undefined) return false;
    const { isolation, runtime } = this.deps.kept.loadOptionsOf(key);
    const { loadedWith, metadata } = lease.model;
    const wanted = { isolation, runtime: pick(runtime, OPTION_NAMES[metadata.runtime]) };
    return !Bun.deepEquals(loadedWith, wanted);
  }

  async #look({ model, variant, ...rest }: ModelTarget): Promise<{ key: ModelKey; runtime: RuntimeName }> {
    if (rest.version !== undefined) throw versionNamed(model);
    const [key] = this.deps.meantBy({ model, ...(variant === undefined ? {} : { variant }) });
    if (key === undefined) throw new Error("candidates are never empty");
    const { runtime } = await this.deps.loader.inspect(key);
    return { key, runtime };
  }

  #view({ model, variant }: OptionsTarget, key: ModelKey, runtime: RuntimeName): OptionsView {
    const { kept } = this.deps;
    return {
      model,
      variant: variant ?? null,
      options: valuesOf(kept.row(model, variant ?? ALL_VARIANTS)),
      in_force: kept.of(key),
      allowed: allowedNames(runtime),
    };
  }
}

function sorted(changes: OptionChanges): { given: OptionValues; dropped: ReadonlySet<string> } {
  const entries = Object.entries(changes);
  const given = entries.filter((entry): entry is [string, string | number | boolean] => entry[1] !== null);
  return {
    given: Object.fromEntries(given),
    dropped: new Set(entries.flatMap(([name, value]) => value === null ? [name] : [])),
  };
}

/** Whoever pins without a version means the latest, whichever it will be. */
function versionsAfter(row: OptionsRow, pinned: OptionChanges[string] | undefined): readonly string[] {
  if (pinned === undefined || (pinned === true && row.pinned)) return pinnedVersions(row);
  return pinned === true ? [LATEST] : [];
}

function touchesLoad(before: OptionsRow, after: OptionsRow): boolean {
  const [a, b] = [valuesOf(before), valuesOf(after)];
  return Object.keys({ ...a, ...b }).some((name) => concernsLoad(name) && a[name] !== b[name]);
}

function versionNamed(model: string): LarderError {
  return new LarderError("BAD_REFERENCE", `Cannot set options of one version of ${model}`, {
    field: "version",
    hint: "They hold for a model, or for one of its variants: leave the version out.",
  });
}
