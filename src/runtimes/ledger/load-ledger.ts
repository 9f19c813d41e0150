/** A load or a use that ended badly. */
export interface Crash {
  /** Unix seconds. */
  readonly atS: number;
  /** `process was ended by SIGABRT`. */
  readonly reason: string;
}

/** What this machine has found out about a set of files, with one build of the native libraries. */
export interface LoadRecord {
  /** Of the model it was last part of, for people. */
  readonly label: string;
  /** `sound` once it was loaded; `crashing` when loading it alone ended the process. */
  readonly verdict: "unknown" | "sound" | "crashing";
  /** The last ones, oldest first. */
  readonly crashes: readonly Crash[];
}

/** Remembers across restarts what happened to files that were loaded. Keys name their contents. */
export interface LoadLedger {
  find(key: string): LoadRecord | undefined;
  /** Notes that a load begins inside this process: if the process ends before the returned function is called, that counts as a crash. */
  begin(key: string, label: string): () => void;
  noteSound(key: string, label: string): void;
  /** @param isCertain It happened in a process that did nothing else, so it will happen again. */
  noteCrash(key: string, label: string, reason: string, isCertain: boolean): void;
  /** Takes back all that is held against a file. */
  forget(key: string): void;
}
