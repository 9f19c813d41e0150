import type { ErrorRecord } from "../core/index.ts";

/** A model that was made of files in a watched folder. */
export interface WatchedModelView {
  readonly model: string;
  /** Of what lies there now. */
  readonly version: string;
  /** Of its file or its folder. */
  readonly path: string;
  readonly files: number;
  readonly size_bytes: number;
  readonly taken_at: number;
  /** True when a user removed it here while its files are still there: it comes back when they change. */
  readonly removed: boolean;
}

/** A model that was found and is not here yet. */
export interface PendingModelView {
  /** What it will be called. */
  readonly model: string;
  /** Absolute, of its file or its folder. */
  readonly path: string;
  readonly size_bytes: number;
  /** Waiting until nobody writes it any more; waiting for its turn or for another try; being taken. */
  readonly state: "settling" | "waiting" | "taking";
}

/** Something in a watched folder that is not taken, and why. */
export interface RefusedView {
  readonly path: string;
  readonly error: ErrorRecord;
}

export interface WatchedFolderView {
  readonly folder: string;
  /** `unseen` until it was first looked at. */
  readonly state: "unseen" | "watched" | "missing" | "unreadable" | "refused";
  /** Why it is not `watched`, or what is wrong with its `model_registry.json`; null when all is well. */
  readonly reason: string | null;
  /** How changes are noticed: told by the system, or by looking again and again. */
  readonly noticed_by: "events" | "looks";
  /** Files that were looked at, models or not. */
  readonly files: number;
  readonly looked_at: number | null;
  readonly models: readonly WatchedModelView[];
  readonly pending: readonly PendingModelView[];
  readonly refused: readonly RefusedView[];
}

export interface WatchedView {
  readonly folders: readonly WatchedFolderView[];
}

/** Folders that a user fills. */
export interface Watched {
  list(): Promise<WatchedView>;
  /** Looks at all of them now. What is found is taken when nobody writes it any more. */
  scan(): Promise<WatchedView>;
}

/** What the process that owns the home knows beside {@link Watched}. */
export interface WatchedFolders extends Watched {
  /** Absolute paths of folders whose times tell of changes: those that are watched, and some of the folders in them. */
  folders(): readonly string[];
  /** Of all folders, in order of name. */
  pending(): readonly PendingModelView[];
  /** Grows whenever what is pending becomes another one. */
  generation(): number;
  /** Looks where something changed since the last look; for whoever is about to answer. @returns whether there was a change. */
  lookNow(): Promise<boolean>;
  /** Goes on until `close`. */
  start(): void;
}
