import { folderTimes } from "./folder-times.ts";

/** Folders that a user fills, and what was found there and is not here yet. */
export interface WatchedFiles {
  folders(): readonly string[];
  pending(): ReadonlyArray<{ readonly model: string }>;
  /** Looks where something changed; takes a bounded time. */
  lookNow(): Promise<unknown>;
}

export interface OutsideDeps {
  /** Of the folder of all manifests, in milliseconds; 0 when it is not there. */
  readonly manifestsModifiedMs: () => number;
  /** This process is changing manifests: their times say nothing about others. */
  readonly isWriting: () => boolean;
  readonly watched: WatchedFiles;
}

/** What others may have changed, as it was at one moment. */
export interface OutsideState {
  /** Writes of other processes to the registry. */
  foreignWrites: number;
  manifestsMs: number;
  readonly watched: string;
}

/** Looks whether somebody else changed what the list is made of. */
export class Outside {
  constructor(private readonly deps: OutsideDeps) {}

  now(foreignWrites: number): OutsideState {
    const { manifestsModifiedMs, watched } = this.deps;
    return { foreignWrites, manifestsMs: manifestsModifiedMs(), watched: folderTimes(watched.folders()) };
  }

  /** @param onDisk Also when folders were changed; else only the registry, which is known without them. */
  isSame(state: OutsideState, foreignWrites: number, onDisk: boolean): boolean {
    if (state.foreignWrites !== foreignWrites) return false;
    if (!onDisk) return true;
    const { manifestsModifiedMs, isWriting, watched } = this.deps;
    return (isWriting() || state.manifestsMs === manifestsModifiedMs()) &&
      state.watched === folderTimes(watched.folders());
  }

  /** This process has changed manifests. */
  noteOwn(state: OutsideState): void {
    state.manifestsMs = this.deps.manifestsModifiedMs();
  }
}
