import type { ModelCare, ModelKey } from "../../cache/index.ts";
import { KeyedQueue } from "../../core/index.ts";
import type { OptionsRow, Registry } from "../../registry/index.ts";
import type { OptionValues } from "../options-types.ts";
import type { OwnOptions } from "./own-options.ts";

/** The name of what is set for all variants. */
export const ALL_VARIANTS = "";

type Isolation = NonNullable<OwnOptions["isolation"]>;

/** What a load is to heed. */
export interface LoadOptions {
  readonly isolation: Isolation;
  /** For the runtime; those that it does not know are not for it. */
  readonly runtime: Readonly<Record<string, unknown>>;
}

/** What the registry keeps beside a row's values: under which names its model was pinned. */
interface KeptValues {
  readonly pinned_versions?: readonly string[];
}

/** What users have set for models. */
export class KeptOptions {
  /** Until the registry changes. */
  readonly #known = new Map<string, readonly OptionsRow[]>();
  #generation = -1;
  /** By model: a row that is not kept yet, because nobody knows whether a load with it succeeds. */
  readonly #tried = new Map<string, OptionsRow>();
  readonly #changing = new KeyedQueue();

  constructor(private readonly registry: Registry, private readonly isolation: Isolation) {}

  rows(model: string): readonly OptionsRow[] {
    const generation = this.registry.generation();
    if (generation !== this.#generation) this.#known.clear();
    this.#generation = generation;
    const known = this.#known.get(model) ?? this.registry.findOptions(model);
    this.#known.set(model, known);
    return known;
  }

  /** As it was set, or an empty one. */
  row(model: string, variant: string): OptionsRow {
    return this.rows(model).find((row) => row.variant === variant) ??
      { model, variant, pinned: false, options: {} };
  }

  /** What holds for a variant: its own goes over the model's, and either may pin it. */
  of({ model, variant }: Pick<ModelKey, "model" | "variant">): OptionValues {
    const tried = this.#tried.get(model);
    const rowOf = (name: string) => tried?.variant === name ? tried : this.row(model, name);
    return { ...valuesOf(rowOf(ALL_VARIANTS)), ...valuesOf(rowOf(variant)) };
  }

  careOf(key: ModelKey): ModelCare {
    const { keep_alive_s: keepAliveS, budget_weight: weight } = this.of(key) as OwnOptions;
    return {
      ...(keepAliveS === undefined ? {} : { keepAliveS }),
      ...(weight === undefined ? {} : { weight }),
    };
  }

  loadOptionsOf(key: ModelKey): LoadOptions {
    const { keep_alive_s: _, pinned: __, budget_weight: ___, isolation = this.isolation, ...runtime } = this
      .of(key) as OwnOptions;
    return { isolation, runtime };
  }

  /** One change of a model at a time. */
  change<T>(model: string, work: () => Promise<T>): Promise<T> {
    return this.#changing.run(model, work);
  }

  /** What is loaded meanwhile is loaded with this row, which is then kept, or not when the work throws. Inside {@link change}. */
  async tryOut(row: OptionsRow, work: () => Promise<void>): Promise<void> {
    this.#tried.set(row.model, row);
    try {
      await work();
      await this.put(row);
    } finally {
      this.#tried.delete(row.model);
    }
  }

  /** A row that says nothing is not kept. */
  async put(row: OptionsRow): Promise<void> {
    if (row.pinned || Object.keys(row.options).length > 0) await this.registry.putOptions(row);
    else await this.registry.removeOptions(row.model, row.variant);
  }
}

/** What a row says, as users see it. */
export function valuesOf({ pinned, options }: OptionsRow): OptionValues {
  const { pinned_versions: _, ...values } = options as KeptValues & OptionValues;
  return pinned ? { ...values, pinned } : values as OptionValues;
}

/** Under which names a row's model is pinned: versions, aliases, `latest`. */
export function pinnedVersions({ options }: OptionsRow): readonly string[] {
  return (options as KeptValues).pinned_versions ?? [];
}

/** @param versions Under which names it is pinned; none when it is not. */
export function rowOf(
  { model, variant }: Pick<OptionsRow, "model" | "variant">,
  { pinned: _, ...values }: OptionValues,
  versions: readonly string[],
): OptionsRow {
  const pinned = versions.length > 0;
  return { model, variant, pinned, options: pinned ? { ...values, pinned_versions: versions } : values };
}
