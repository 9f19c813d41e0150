import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  lstatSync,
  openSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { LarderError, systemCode } from "../core/index.ts";

/** Replaces a small private file in one step; after it returns, the new content survives a power cut. */
export function writeDurably(path: string, text: string): void {
  const temporary = `${path}.tmp`;
  const fd = openSync(
    temporary,
    constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    fchmodSync(fd, 0o600);
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
  syncPath(dirname(path));
}

/** fsync of a file or a folder by name. */
export function syncPath(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Creates an empty file that only its owner may read, whatever the umask. Another file of that name is an error. */
export function createPrivate(path: string): void {
  const fd = openSync(
    path,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    fchmodSync(fd, 0o600);
  } finally {
    closeSync(fd);
  }
}

/**
 * The entry of a regular file, or undefined when there is none.
 *
 * @throws {LarderError} UNSAFE_PATH for a link, a folder or anything else that has this name.
 */
export function statRegular(
  path: string,
): { ino: bigint; dev: bigint; size: bigint; mtimeNs: bigint } | undefined {
  const entry = statEntry(path);
  if (entry === undefined || entry.isFile()) return entry;
  throw new LarderError("UNSAFE_PATH", "Cannot use the registry: its file is not a regular file", {
    hint: `Remove what was put at ${path}.`,
  });
}

function statEntry(path: string) {
  try {
    return lstatSync(path, { bigint: true });
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
