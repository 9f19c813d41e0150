import { chmod, lstat, mkdir, readdir } from "node:fs/promises";
import { constants } from "node:fs";
import { basename, dirname, join } from "node:path";
import { LarderError, systemCode } from "../core/index.ts";
import { closeFd, fsyncFd, isFlushUnsupported, openFd } from "./descriptors.ts";
import { diskError, findEntry, type Home } from "./disk-error.ts";
import { BLOB_FOLDERS, FOLDER_MODE, type Layout } from "./layout.ts";

/**
 * Makes the folders that are missing, durably, and checks those that are there: real folders of this user, in one file system.
 * An existing home is only read, so that it also opens on a disk that is read-only.
 *
 * @throws {LarderError} UNSAFE_PATH, CONFIG, PERMISSION, READONLY, NO_SPACE, NO_INODES
 */
export async function prepareHome(layout: Layout): Promise<Home> {
  // Before the home exists there is no file system to ask about; its nearest parent stands in for messages.
  const before: Home = { path: existingParent(layout.home), dev: -1, ino: -1 };
  try {
    await mkdir(dirname(layout.home), { recursive: true, mode: FOLDER_MODE });
    for (const folder of [layout.home, ...layout.folders()]) await ensureFolder(folder);
    await ensureBlobFolders(layout.digests);
    const { dev, ino } = await lstat(layout.home);
    await checkOneFileSystem(layout);
    return { path: layout.home, dev, ino };
  } catch (error) {
    throw diskError(`open the home ${layout.home}`, error, before);
  }
}

/** A folder with exactly our mode, whatever the umask is; newly made ones are flushed. @throws {LarderError} UNSAFE_PATH */
export async function ensureFolder(path: string): Promise<void> {
  if (await makeFolder(path)) return syncFolder(dirname(path));
  const entry = await lstat(path);
  if (!entry.isDirectory()) throw unsafe(path, entry.isSymbolicLink() ? "a symbolic link" : "not a folder");
  if ((entry.mode & 0o777) !== FOLDER_MODE) await chmod(path, FOLDER_MODE);
}

export function unsafe(path: string, what: string): LarderError {
  return new LarderError("UNSAFE_PATH", `Cannot use ${path}: it is ${what}`, {
    hint: "Move it away: larder follows no links inside its home and uses only files and folders of its own.",
  });
}

/** @returns true when it was not there. */
async function makeFolder(path: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: FOLDER_MODE });
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
  await chmod(path, FOLDER_MODE);
  return true;
}

async function syncFolder(path: string): Promise<void> {
  const fd = await openFd(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await fsyncFd(fd);
  } catch (error) {
    if (!isFlushUnsupported(error)) throw error;
  } finally {
    await closeFd(fd);
  }
}

/** All 256 at once, so that no commit ever has to make and flush a folder. */
async function ensureBlobFolders(digests: string): Promise<void> {
  const entries = new Map(
    (await readdir(digests, { withFileTypes: true })).map((entry) => [entry.name, entry]),
  );
  const missing = BLOB_FOLDERS.filter((name) => !entries.has(name));
  for (const name of BLOB_FOLDERS) {
    const entry = entries.get(name);
    if (entry && !entry.isDirectory()) throw unsafe(join(digests, name), "not a folder");
  }
  if (missing.length === 0) return;
  await Promise.all(missing.map((name) => makeFolder(join(digests, name))));
  await syncFolder(digests);
}

/** A rename between file systems is a copy, and a copy can be half done. */
async function checkOneFileSystem(layout: Layout): Promise<void> {
  const { dev } = await lstat(layout.incoming);
  for (const folder of [layout.digests, layout.manifests, layout.views]) {
    if ((await lstat(folder)).dev === dev) continue;
    throw new LarderError(
      "CONFIG",
      `Cannot use the home: ${layout.incoming} and ${folder} are on different file systems`,
      {
        field: "home",
        hint: `Keep ${basename(layout.incoming)}/ and ${basename(folder)}/ of the home in one file system.`,
        details: { folders: [layout.incoming, folder] },
      },
    );
  }
}

function existingParent(path: string): string {
  let parent = path;
  while (!findEntry(parent) && parent !== dirname(parent)) parent = dirname(parent);
  return parent;
}
