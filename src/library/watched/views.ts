import { join } from "node:path";
import type { LarderError } from "../../core/index.ts";
import type { PendingModelView, RefusedView, WatchedFolderView, WatchedModelView } from "../watched-types.ts";
import type { Candidate, Look } from "./look.ts";
import type { TakenModel } from "./taken.ts";
import type { Tracks } from "./tracks.ts";

/** Of a list that a hostile folder may make as long as it likes. */
const REFUSED_MAX = 1000;

export interface FolderFacts {
  readonly look: Look | undefined;
  readonly fault: LarderError | undefined;
  readonly lookedAtS: number | undefined;
  readonly hasEvents: boolean;
  readonly tracks: Tracks;
  readonly isHere: (model: string, version: string) => boolean;
}

export function folderView(folder: string, facts: FolderFacts): WatchedFolderView {
  const { look, fault, lookedAtS, hasEvents, tracks, isHere } = facts;
  return {
    folder,
    state: stateOf(facts),
    reason: (fault ?? look?.names.fault)?.message ?? null,
    noticed_by: hasEvents ? "events" : "looks",
    files: look?.walk.files.length ?? 0,
    looked_at: lookedAtS ?? null,
    models: [...look?.taken.values() ?? []].flatMap((taken) => modelView(folder, taken, isHere)),
    pending: look === undefined ? [] : pendingViews(folder, look, tracks),
    refused: look === undefined ? [] : refusedViews(folder, look).slice(0, REFUSED_MAX),
  };
}

/** Models that are to be taken, but for those that are refused as they are. */
export function pendingViews(folder: string, { candidates }: Look, tracks: Tracks): PendingModelView[] {
  return candidates.filter(({ track }) => track.retryAtMs !== Infinity).map((candidate) => ({
    model: candidate.model,
    path: join(folder, candidate.unit.path),
    size_bytes: candidate.unit.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    state: pendingState(candidate, tracks),
  })).sort((a, b) => a.model < b.model ? -1 : 1);
}

function pendingState({ unit, track }: Candidate, tracks: Tracks): PendingModelView["state"] {
  if (track.isBeingTaken) return "taking";
  return !unit.isHeld && tracks.isSettled(track) ? "waiting" : "settling";
}

function stateOf({ look, fault }: FolderFacts): WatchedFolderView["state"] {
  if (fault?.code === "FILE_NOT_FOUND") return "missing";
  if (fault !== undefined) return fault.code === "UNSAFE_PATH" ? "refused" : "unreadable";
  return look === undefined ? "unseen" : "watched";
}

function modelView(
  folder: string,
  { model, versions: [newest] }: TakenModel,
  isHere: FolderFacts["isHere"],
): WatchedModelView[] {
  if (newest === undefined) return [];
  const { version, files, sizeBytes, takenAtS } = newest;
  return [{
    ...{ model, version, path: join(folder, commonPath([...files.keys()])), files: files.size },
    ...{ size_bytes: sizeBytes, taken_at: takenAtS, removed: !isHere(model, version) },
  }];
}

/** The file, or the folder that all of them lie in. */
function commonPath(paths: readonly string[]): string {
  const [first = "", ...others] = paths;
  if (others.length === 0) return first;
  const parts = first.split("/").slice(0, -1);
  const isShared = (depth: number) => {
    const start = `${parts.slice(0, depth).join("/")}/`;
    return others.every((path) => path.startsWith(start));
  };
  let depth = 0;
  while (depth < parts.length && isShared(depth + 1)) depth++;
  return parts.slice(0, depth).join("/");
}

function refusedViews(folder: string, { candidates, names, refused, walk }: Look): RefusedView[] {
  const failed = candidates.flatMap(({ unit, track: { error } }) =>
    error === undefined ? [] : [{ path: join(folder, unit.path), error: error.toRecord() }]
  );
  const gaps = [...walk.gaps].map(([path, error]) => ({ path: join(folder, path), error: error.toRecord() }));
  const clashes = refused.map(({ path, error }) => ({ path, error: error.toRecord() }));
  const entries = names.refused.map(({ path, error }) => ({ path: join(folder, path), error }));
  return [...failed, ...clashes, ...entries, ...gaps];
}
