import { constants, type Stats } from "node:fs";
import { chmod, copyFile, link, lstat, utimes } from "node:fs/promises";
import { systemCode } from "../core/index.ts";
import { closeFd, fsyncFd, OPEN_TO_READ, openFd } from "./descriptors.ts";
import { VIEW_FILE_MODE } from "./layout.ts";
import { removeFile } from "./own-file.ts";

export interface PlaceOptions {
  /**
   * What to do with a blob that has other names than views, which is a user's own file and whose mode is not ours to change: copy it
   * (default), or give it one more name as it is.
   */
  readonly usersOwn?: "copy" | "link";
}

/** Gives a blob another name outside of `blobs/`, at a path where nothing is: as a reflink, else as a hard link, else as a copy. */
export async function placeFile(blob: string, target: string, options: PlaceOptions = {}): Promise<void> {
  if (await tryReflink(blob, target)) return await sealCopy(blob, target);
  if (await tryHardLink(blob, target, options)) return;
  await copyFile(blob, target, constants.COPYFILE_EXCL);
  await sealCopy(blob, target);
}

/** True for what {@link placeFile} made of a blob, as long as nobody has changed it. */
export function isSame(file: Stats, blob: Stats | undefined): boolean {
  return blob !== undefined && file.isFile() && file.size === blob.size &&
    (file.ino === blob.ino || Math.floor(file.mtimeMs) === Math.floor(blob.mtimeMs));
}

async function tryReflink(blob: string, target: string): Promise<boolean> {
  try {
    await copyFile(blob, target, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") throw error;
    // What is left of the attempt would be in the way of the next one.
    await removeFile(target);
    return false;
  }
}

async function tryHardLink(blob: string, target: string, { usersOwn }: PlaceOptions): Promise<boolean> {
  const { mode, nlink } = await lstat(blob);
  const isSealed = (mode & 0o777) === VIEW_FILE_MODE;
  const isUsers = nlink > 1 && !isSealed;
  if (isUsers && usersOwn !== "link") return false;
  try {
    await link(blob, target);
  } catch (error) {
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV"].includes(systemCode(error) ?? "")) {
      throw error;
    }
    return false;
  }
  if (!isSealed && !isUsers) await chmod(target, VIEW_FILE_MODE);
  return true;
}

/** The blob's time marks an unchanged copy; the flush keeps a power cut from leaving one that only looks whole. */
async function sealCopy(blob: string, target: string): Promise<void> {
  const { atime, mtime } = await lstat(blob);
  await utimes(target, atime, mtime);
  await chmod(target, VIEW_FILE_MODE);
  const fd = await openFd(target, OPEN_TO_READ);
  try {
    await fsyncFd(fd);
  } finally {
    await closeFd(fd);
  }
}
