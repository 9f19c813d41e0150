import { chmod, lstat, unlink } from "node:fs/promises";
import { systemCode } from "../core/index.ts";
import { closeFd, fstatFd, openFd } from "./descriptors.ts";
import { FILE_MODE } from "./layout.ts";
import { unsafe } from "./prepare.ts";

/** A regular file with one name and our mode, made when it is not there. */
export async function openOwnFile(path: string, flags: number): Promise<number> {
  await refuseOthers(path);
  const fd = await openFd(path, flags, FILE_MODE);
  try {
    const entry = await fstatFd(fd);
    if (!entry.isFile()) throw unsafe(path, "not a regular file");
    if (entry.nlink > 1) throw unsafe(path, "also known by another name");
    if ((entry.mode & 0o777) !== FILE_MODE) await chmod(path, FILE_MODE);
    return fd;
  } catch (error) {
    await closeFd(fd);
    throw error;
  }
}

/** Opening a device can have effects of its own, so it is looked at before. */
async function refuseOthers(path: string): Promise<void> {
  const entry = await lstat(path).catch((error) => {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  });
  if (entry && !entry.isFile()) {
    throw unsafe(path, entry.isSymbolicLink() ? "a symbolic link" : "not a regular file");
  }
}

/** Nothing there is fine. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
}
