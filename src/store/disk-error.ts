import { lstatSync, statfsSync, type Stats } from "node:fs";
import { isAbsolute, relative } from "node:path";
import { type ErrorCode, LarderError, type LarderErrorOptions, systemCode } from "../core/index.ts";

/** The home as it was when the store opened: another folder at the same path is not it. */
export interface Home {
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
}

type Meaning = readonly [code: ErrorCode, reason: string, hint: string, retryable?: boolean];

const FULL: Meaning = [
  "NO_SPACE",
  "the disk is full",
  "Free space on the disk that holds the home, or run `larder gc`.",
];
const NOT_ALLOWED: Meaning = [
  "PERMISSION",
  "the system does not allow it",
  "Give the home and everything in it to the user that runs larder.",
];
const UNSAFE: Meaning = [
  "UNSAFE_PATH",
  "something that larder did not put there is in the way",
  "Look at this path, and move away what is there: larder follows no links inside its home.",
];
const TRY_AGAIN_FILES: Meaning = [
  "IO",
  "too many files are open",
  "Raise the limit of open files, then try again.",
  true,
];

const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOSPC: FULL,
  EDQUOT: ["NO_SPACE", "the disk quota is used up", "Free space within the quota, or run `larder gc`."],
  EROFS: ["READONLY", "the disk is read-only", "Mount it writable again; what is stored can still be read."],
  EACCES: NOT_ALLOWED,
  EPERM: NOT_ALLOWED,
  ELOOP: UNSAFE,
  EISDIR: UNSAFE,
  ENOTDIR: UNSAFE,
  ENXIO: UNSAFE,
  EXDEV: [
    "CONFIG",
    "two folders of the home are on different file systems",
    "Keep blobs/ and incoming/ of the home in one file system.",
  ],
  EMFILE: TRY_AGAIN_FILES,
  ENFILE: TRY_AGAIN_FILES,
};
const NO_INODES: Meaning = [
  "NO_INODES",
  "the file system has no room for another file",
  "Delete files that are not needed: the limit is their number, not their size.",
];

/** What a failed call to the system means to the caller; anything that is no such failure comes back as it is. */
export function diskError(action: string, error: unknown, home: Home): unknown {
  const errno = systemCode(error);
  if (error instanceof LarderError || errno === undefined || !/^E[A-Z0-9]+$/.test(errno)) return error;
  if (errno === "ENOENT" && isGone(home)) return storeGone(home, error);
  const [code, reason, hint, retryable = false] = errno === "ENOSPC" && hasNoInodes(home.path)
    ? NO_INODES
    : MEANINGS[errno] ?? ["IO", `the system answered ${errno}`, "Look at the disk and the system's log."];
  return new LarderError(code, `Cannot ${action}: ${reason}${place(error, home)}`, {
    ...{ hint, retryable, details: { errno }, cause: error } satisfies LarderErrorOptions,
  });
}

/** Runs work on the disk; its failures become errors that say what could not be done. */
export async function onDisk<T>(home: Home, action: string, work: () => Promise<T>): Promise<T> {
  // Without this look, work could go on in another folder that was put in the place of the home.
  if (isGone(home)) throw storeGone(home);
  try {
    return await work();
  } catch (error) {
    throw diskError(action, error, home);
  }
}

/** True when the folder that the store was opened in is not there any more. */
export function isGone(home: Home): boolean {
  const now = findEntry(home.path);
  if (now?.dev !== home.dev || now.ino !== home.ino) return true;
  return !findEntry(`${home.path}/blobs/sha256`) || !findEntry(`${home.path}/incoming`);
}

export function storeGone(home: Home, cause?: unknown): LarderError {
  return new LarderError("STORE_GONE", `Cannot use the home ${home.path}: it was removed while larder ran`, {
    hint: "Restart larder: it starts with an empty home, or with the old one when that is moved back.",
    cause,
  });
}

/** What is at a path itself, links not followed; undefined when nothing is. */
export function findEntry(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    // A parent that became a file: nothing is at this path either.
    if (systemCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

function hasNoInodes(path: string): boolean {
  const { files, ffree } = statfsSync(path);
  return files > 0 && ffree === 0;
}

function place(error: unknown, home: Home): string {
  const path = error instanceof Error && "path" in error ? error.path : undefined;
  if (typeof path !== "string") return "";
  const inside = relative(home.path, path);
  return ` (${inside.startsWith("..") || isAbsolute(inside) ? path : inside || home.path})`;
}
