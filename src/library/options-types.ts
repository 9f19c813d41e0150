/** By the names that users write: those of the model's runtime, and `keep_alive_s`, `pinned`, `budget_weight`, `isolation`. */
export type OptionValues = Readonly<Record<string, string | number | boolean>>;

/** Null takes an option back. */
export type OptionChanges = Readonly<Record<string, string | number | boolean | null>>;

/** Options hold for a model, or with a variant for that variant alone; whatever the version. */
export interface OptionsTarget {
  readonly model: string;
  readonly variant?: string;
}

export interface OptionsView {
  readonly model: string;
  /** Null: what was set for all variants. */
  readonly variant: string | null;
  /** What was set for exactly this. */
  readonly options: OptionValues;
  /** What holds for the variant, or for the one that is meant when none is named: its own goes over the model's. */
  readonly in_force: OptionValues;
  /** What can be set for this model's runtime. */
  readonly allowed: readonly string[];
}

export interface OptionsChangeView extends OptionsView {
  /** `at the next load`: what is in memory, if it is, goes on with what it was loaded with. */
  readonly applied: "now" | "at the next load";
}

export interface ApplyOptions {
  /** What is loaded is loaded again beside the old one, which serves meanwhile. True by default. */
  readonly apply?: boolean;
}

/** What users want of a model beside its files, kept until they want something else. */
export interface ModelOptionsApi {
  /** @throws {LarderError} MODEL_NOT_FOUND, VARIANT_NOT_FOUND; BAD_REFERENCE: a version was named. */
  find(target: OptionsTarget): Promise<OptionsView>;
  /**
   * Sets what is given and keeps the rest. Where something loaded cannot be loaded with it, nothing is changed.
   *
   * @throws {LarderError} BAD_INPUT naming the option and what is allowed; NOT_SUPPORTED; what reloading ends with; as {@link find}.
   */
  set(target: OptionsTarget, changes: OptionChanges, options?: ApplyOptions): Promise<OptionsChangeView>;
  /** Takes all back that was set for exactly this. @throws {LarderError} As {@link set}. */
  remove(target: OptionsTarget, options?: ApplyOptions): Promise<OptionsChangeView>;
}
