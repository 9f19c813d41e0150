/** A variant that is here, and how it was used. */
export interface AccessRow {
  readonly model: string;
  readonly version: string;
  readonly variant: string;
  readonly count: number;
  /** Of the last use; of its arrival when it was never used. */
  readonly usedAtS: number;
  /** With its version, or later. */
  readonly arrivedAtS: number;
  /** Mean of its loads; absent before the first. */
  readonly loadMs?: number;
  /** Of its files, each blob once. */
  readonly sizeBytes: number;
}

/** Uses of one variant since the last report. */
export interface VariantUse {
  readonly model: string;
  readonly version: string;
  readonly variant: string;
  readonly count: number;
  readonly usedAtS: number;
  /** Of each load that ended since. */
  readonly loadsMs: readonly number[];
}

/** How often a model was used in an hour of the week, whatever its version. */
export interface HourUse {
  readonly model: string;
  readonly variant: string;
  /** From Monday 0:00 local time on, 0 to 167. */
  readonly hour: number;
  readonly count: number;
}

/** How often one model was the next to be used after another one. */
export interface FollowUse {
  readonly model: string;
  readonly variant: string;
  readonly nextModel: string;
  readonly nextVariant: string;
  readonly count: number;
}

export interface UseReport {
  readonly variants: readonly VariantUse[];
  readonly hours: readonly HourUse[];
  readonly follows: readonly FollowUse[];
}

/** First: least recently used, most recently used, least often used, largest. */
export type AccessOrder = "oldest" | "recent" | "least_used" | "largest";

export interface PreloadRow {
  /** `model[@version-or-alias][:variant]`, looked up when its turn comes. */
  readonly reference: string;
  /** Larger comes first. */
  readonly priority: number;
  /** Who wants it: a user, or a process that had it loaded when it stopped. */
  readonly origin: "user" | "restart";
  readonly addedAtS: number;
}

/** What a user has set for a model, or for one variant of it. */
export interface OptionsRow {
  readonly model: string;
  /** Empty: for all variants. */
  readonly variant: string;
  /** Kept on disk and in memory. */
  readonly pinned: boolean;
  /** JSON-able; which there are is the library's affair. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** A file of a watched folder, as it was when a version was made of it. */
export interface WatchedFileRow {
  readonly folder: string;
  readonly model: string;
  readonly version: string;
  /** In its folder. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly takenAtS: number;
}

/** What is known of the use of models, and what users want of them beside their files. */
export interface UseRegistry {
  /** In that order, the first to go first. */
  listAccess(query: { readonly order: AccessOrder; readonly limit: number }): AccessRow[];
  /** Of all variants of a model that are here. */
  accessOf(model: string): AccessRow[];
  /** Names of those variants of a version that are here and that a file is part of. */
  variantsOfFile(model: string, version: string, path: string): string[];
  usageHours(): HourUse[];
  usageFollows(): FollowUse[];
  /** Adds to what is known; of variants that are not here any more only their hours and followers. May be lost in a power cut. */
  recordUses(report: UseReport): Promise<void>;

  /** First to be preloaded first. */
  listPreload(): PreloadRow[];
  /** Inserts or replaces by reference. */
  putPreload(rows: readonly PreloadRow[]): Promise<void>;
  /** Those with these references, or all. @returns how many there were */
  removePreload(references?: readonly string[]): Promise<number>;

  findOptions(model: string): OptionsRow[];
  /** Of every model. */
  listPinned(): OptionsRow[];
  /** Inserts or replaces. */
  putOptions(row: OptionsRow): Promise<void>;
  removeOptions(model: string, variant: string): Promise<boolean>;

  listWatchedFiles(folder: string): WatchedFileRow[];
  /** Inserts or replaces, all or none. */
  putWatchedFiles(rows: readonly WatchedFileRow[]): Promise<void>;
  /** Those of one version. */
  removeWatchedFiles(of: Pick<WatchedFileRow, "folder" | "model" | "version">): Promise<void>;
}
