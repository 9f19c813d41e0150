import { close, constants, fstat, fsync, open, type Stats } from "node:fs";
import { promisify } from "node:util";
import { systemCode } from "../core/index.ts";

// Descriptors as plain numbers: unlike FileHandle they can be used from every thread and are not closed by the collector.
export const openFd: (path: string, flags: number, mode?: number) => Promise<number> = promisify(open);
export const closeFd: (fd: number) => Promise<void> = promisify(close);
export const fsyncFd: (fd: number) => Promise<void> = promisify(fsync);
export const fstatFd: (fd: number) => Promise<Stats> = promisify(fstat);

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;

/** How the store opens files: never through a symbolic link, never waiting for the other end of a pipe. */
export const OPEN_TO_READ = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
export const OPEN_PART = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
export const OPEN_JOURNAL = OPEN_PART | O_APPEND;
export const OPEN_NEW = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;

/** Some file systems cannot flush, folders above all; what they keep is as safe as they make it. */
export function isFlushUnsupported(error: unknown): boolean {
  return ["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(systemCode(error) ?? "");
}
