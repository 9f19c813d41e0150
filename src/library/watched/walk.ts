import type { Stats } from "node:fs";
import { lstat, readdir, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import { diskError, LarderError, parseFilePath, systemCode } from "../../core/index.ts";

/** A regular file in a watched folder, as it was when it was looked at. */
export interface FoundFile {
  /** In the watched folder, with "/" between names. */
  readonly path: string;
  readonly localPath: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

export interface Walk {
  /** In order of path. */
  readonly files: readonly FoundFile[];
  /** Files whose names say that somebody is writing them. */
  readonly unfinished: readonly FoundFile[];
  /** All folders by path, with the time of their last change in milliseconds; the watched folder itself is "". */
  readonly folders: ReadonlyMap<string, number>;
  /** When it began, in milliseconds of the system's clock. */
  readonly startedMs: number;
  /** Another one when another folder lies at the same path, as after mounting a disk there. */
  readonly identity: string;
  /** What could not be looked at, by path. What was known below it may still be there. */
  readonly gaps: ReadonlyMap<string, LarderError>;
}

const FILES_MAX = 20_000;
const FOLDERS_MAX = 4_000;
const DEPTH_MAX = 16;
const TICK_MS = 50;
/** Of entries that are asked about side by side. */
const ASKS_AT_ONCE = 32;

/** Beside names that begin with a dot: what browsers, downloaders and editors call a file until it is whole. */
const UNFINISHED =
  /(?:^~|~$|\.(?:part|partial|tmp|temp|crdownload|download|opdownload|filepart|aria2|incomplete|swp|!ut)$)/i;

interface Progress {
  readonly root: string;
  readonly home: string;
  readonly files: FoundFile[];
  readonly unfinished: FoundFile[];
  readonly folders: Map<string, number>;
  readonly gaps: Map<string, LarderError>;
}

/**
 * Looks at everything in a folder and opens nothing. Links are not followed, and neither they nor anything that is no regular file is
 * given. Names that begin with a dot are passed over, and so is the home when it lies inside.
 *
 * @param home A path without links.
 * @throws {LarderError} FILE_NOT_FOUND when there is no such folder, PERMISSION, UNSAFE_PATH when it is a link, no folder, or in the home.
 */
export async function walkFolder(
  root: string,
  { home, nowMs, signal }: {
    readonly home: string;
    readonly nowMs: number;
    readonly signal: AbortSignal;
  },
): Promise<Walk> {
  const entry = await lookAtRoot(root, home);
  const progress: Progress = {
    ...{ root, home, files: [], unfinished: [], folders: new Map(), gaps: new Map() },
  };
  const waiting = [{ path: "", depth: 0 }];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    signal.throwIfAborted();
    const { path, depth } = next;
    const inside = await walkOne(progress, path, depth);
    waiting.push(...inside.map((folder) => ({ path: folder, depth: depth + 1 })));
  }
  const { folders, gaps } = progress;
  return {
    files: progress.files.sort(byPath),
    unfinished: progress.unfinished.sort(byPath),
    ...{ folders, gaps, startedMs: nowMs, identity: identityOf(entry) },
  };
}

/** Whether the folder, and those in it that were seen, are as they were: a few calls, and no walk. */
export async function hasMoved(root: string, walk: Walk, foldersMax: number): Promise<boolean> {
  const some = [...walk.folders].slice(0, foldersMax);
  const moved = await Promise.all(some.map(async ([path, modifiedMs]) => {
    const entry = await lstat(join(root, path)).catch(() => undefined);
    if (entry === undefined || entry.mtimeMs !== modifiedMs) return true;
    // A change within the same tick of the file system's clock would not show.
    if (modifiedMs > walk.startedMs - TICK_MS) return true;
    return path === "" && identityOf(entry) !== walk.identity;
  }));
  return moved.includes(true);
}

/** A file is what it was when it was looked at, and no folder on the way to it has become a link. */
export async function isUnchanged(root: string, file: FoundFile): Promise<boolean> {
  try {
    const entry = await lstat(file.localPath);
    const isSame = entry.isFile() && entry.size === file.sizeBytes && entry.mtimeMs === file.modifiedMs;
    return isSame && await realpath(file.localPath) === join(await realpath(root), file.path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EACCES"].includes(systemCode(error) ?? "")) return false;
    throw error;
  }
}

async function lookAtRoot(root: string, home: string): Promise<Stats> {
  const entry = await lstat(root).catch((error: unknown) => {
    throw rootError(root, error);
  });
  if (!entry.isDirectory()) throw unsafe(root, entry.isSymbolicLink() ? "it is a link" : "it is no folder");
  const real = await realpath(root).catch((error: unknown) => {
    throw rootError(root, error);
  });
  if (real === home || real.startsWith(home + sep)) throw unsafe(root, "it leads into the home");
  return entry;
}

/** @returns the folders in it. */
async function walkOne(progress: Progress, path: string, depth: number): Promise<string[]> {
  const { root, home, folders, gaps } = progress;
  const place = join(root, path);
  try {
    const entry = await lstat(place);
    if (!entry.isDirectory() || await realpath(place) === home) return [];
    if (depth > DEPTH_MAX) throw tooMany(path, `more than ${DEPTH_MAX} folders deep`);
    if (folders.size >= FOLDERS_MAX) throw tooMany(path, `more than ${FOLDERS_MAX} folders`);
    const names = (await readdir(place)).filter((name) => !name.startsWith(".")).sort();
    // Its time is that of before its names were read: a name that came meanwhile is seen as a change.
    folders.set(path, entry.mtimeMs);
    return await lookAtAll(progress, path, names);
  } catch (error) {
    if (path === "") throw error instanceof LarderError ? error : rootError(root, error);
    // One that went meanwhile is not there.
    if (systemCode(error) === "ENOENT") return [];
    gaps.set(path, error instanceof LarderError ? error : unreadable(path, error));
    return [];
  }
}

async function lookAtAll(progress: Progress, folder: string, names: readonly string[]): Promise<string[]> {
  const inside: string[] = [];
  for (let start = 0; start < names.length; start += ASKS_AT_ONCE) {
    const some = names.slice(start, start + ASKS_AT_ONCE);
    const entries = await Promise.all(some.map((name) => lookAtOne(progress, folder, name)));
    inside.push(...entries.flatMap((entry) => entry ?? []));
    if (progress.files.length + progress.unfinished.length + progress.gaps.size <= FILES_MAX) continue;
    progress.gaps.set(folder, tooMany(folder, `more than ${FILES_MAX} files`));
    return [];
  }
  return inside;
}

/** @returns its path when it is a folder. */
async function lookAtOne(progress: Progress, folder: string, name: string): Promise<string | undefined> {
  const path = folder === "" ? name : `${folder}/${name}`;
  const localPath = join(progress.root, path);
  try {
    const entry = await lstat(localPath);
    if (entry.isDirectory()) return parseFilePath(path);
    if (!entry.isFile()) return undefined;
    const file = {
      ...{ path: parseFilePath(path), localPath },
      ...{ sizeBytes: entry.size, modifiedMs: entry.mtimeMs },
    };
    (UNFINISHED.test(name) ? progress.unfinished : progress.files).push(file);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    progress.gaps.set(path, error instanceof LarderError ? error : unreadable(path, error));
  }
  return undefined;
}

function identityOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}

function byPath(a: FoundFile, b: FoundFile): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

function rootError(root: string, error: unknown): LarderError {
  const code = systemCode(error);
  if (code !== "ENOENT" && code !== "ENOTDIR") return unreadable(root, error);
  return new LarderError("FILE_NOT_FOUND", `Cannot watch ${root}: it is not there`, {
    hint: "Make the folder or mount its disk. What was taken from it stays meanwhile.",
    cause: error,
  });
}

function unreadable(path: string, error: unknown): LarderError {
  const known = diskError(error, `look at ${path}`);
  return known instanceof LarderError
    ? known
    : new LarderError("IO", `Cannot look at ${path}: ${systemCode(error)}`, { cause: error });
}

function unsafe(root: string, reason: string): LarderError {
  return new LarderError("UNSAFE_PATH", `Cannot watch ${root}: ${reason}`, {
    hint: "Watch a real folder outside of the home, by its own path.",
  });
}

function tooMany(path: string, what: string): LarderError {
  return new LarderError("TOO_MANY", `Cannot look at all of ${path || "the folder"}: ${what}`, {
    hint: "Watch folders that hold models only.",
  });
}
