import { constants, type Stats } from "node:fs";
import { chmod, copyFile, link, lstat, mkdir, readdir, rename, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { KeyedQueue, LarderError, systemCode } from "../core/index.ts";
import type { BlobReader } from "./blob-reader.ts";
import { closeFd, fsyncFd, OPEN_TO_READ, openFd } from "./descriptors.ts";
import { findEntry, type Home, onDisk } from "./disk-error.ts";
import { FOLDER_MODE, type Layout, VIEW_FILE_MODE } from "./layout.ts";
import { removeFile } from "./own-file.ts";
import { ensureFolder } from "./prepare.ts";
import { removeFolderIfEmpty, type Scratch } from "./scratch.ts";
import type { ViewFile } from "./types.ts";
import { viewPath } from "./view-names.ts";

export interface ViewTools {
  readonly home: Home;
  readonly layout: Layout;
  readonly reader: BlobReader;
  readonly scratch: Scratch;
}

/**
 * Folders in which blobs have their real names. A file of a view shares its bytes with the blob where it can: as a reflink, which a
 * consumer may change without harm; else as a hard link, which makes the blob read-only (0444) too, but which a consumer that
 * overrides that mode can damage (a check finds it, and a repair separates the two); else it is a copy.
 */
export class Views {
  readonly #queue = new KeyedQueue();

  constructor(private readonly tools: ViewTools) {}

  make(model: string, version: string, files: readonly ViewFile[]): Promise<string> {
    const folder = this.tools.layout.view(model, version);
    return this.#change(model, `make the view of ${model}@${version}`, async () => {
      for (const { digest, sizeBytes } of files) this.tools.reader.open(digest, sizeBytes);
      if (await this.#isCurrent(folder, files)) return folder;
      await ensureFolder(dirname(folder));
      await this.tools.scratch.use(async (scratch) => {
        await this.#fill(scratch, files);
        await this.#replace(folder, scratch);
      });
      return folder;
    });
  }

  remove(model: string, version: string): Promise<void> {
    const folder = this.tools.layout.view(model, version);
    return this.#change(model, `remove the view of ${model}@${version}`, async () => {
      if (findEntry(folder) === undefined) return;
      await this.tools.scratch.use((scratch) => rename(folder, scratch));
      await removeFolderIfEmpty(dirname(folder));
    });
  }

  /** One change of a model's folder at a time: the folder itself comes and goes. */
  #change<T>(model: string, action: string, work: () => Promise<T>): Promise<T> {
    return this.#queue.run(model, () => onDisk(this.tools.home, action, work));
  }

  async #replace(folder: string, scratch: string): Promise<void> {
    if (findEntry(folder) === undefined) return await rename(scratch, folder);
    await this.tools.scratch.use(async (old) => {
      await rename(folder, old);
      await rename(scratch, folder);
    });
  }

  async #fill(scratch: string, files: readonly ViewFile[]): Promise<void> {
    await mkdir(scratch, { mode: FOLDER_MODE });
    for (const file of files) {
      const target = join(scratch, viewPath(file.path));
      try {
        await mkdir(dirname(target), { recursive: true, mode: FOLDER_MODE });
        await placeFile(this.tools.layout.blob(file.digest), target);
      } catch (error) {
        if (["EEXIST", "ENOTDIR", "EISDIR"].includes(systemCode(error) ?? "")) {
          throw sameName(file.path, error);
        }
        throw error;
      }
    }
  }

  /** True when the folder already holds just these files, and no consumer has changed one. */
  async #isCurrent(folder: string, files: readonly ViewFile[]): Promise<boolean> {
    if (!findEntry(folder)?.isDirectory()) return false;
    const present = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) =>
      !entry.isDirectory()
    );
    return present.length === files.length && files.every((file) => {
      const target = findEntry(join(folder, viewPath(file.path)));
      return target !== undefined && isSame(target, findEntry(this.tools.layout.blob(file.digest)));
    });
  }
}

function isSame(file: Stats, blob: Stats | undefined): boolean {
  return blob !== undefined && file.isFile() && file.size === blob.size &&
    (file.ino === blob.ino || Math.floor(file.mtimeMs) === Math.floor(blob.mtimeMs));
}

async function placeFile(blob: string, target: string): Promise<void> {
  if (await tryReflink(blob, target)) return await sealCopy(blob, target);
  if (await tryHardLink(blob, target)) return;
  await copyFile(blob, target, constants.COPYFILE_EXCL);
  await sealCopy(blob, target);
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

/** A blob with other names that are not views is a user's own file, whose mode is not ours to change. */
async function tryHardLink(blob: string, target: string): Promise<boolean> {
  const { mode, nlink } = await lstat(blob);
  const isSealed = (mode & 0o777) === VIEW_FILE_MODE;
  if (nlink > 1 && !isSealed) return false;
  try {
    await link(blob, target);
  } catch (error) {
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV"].includes(systemCode(error) ?? "")) {
      throw error;
    }
    return false;
  }
  if (!isSealed) await chmod(target, VIEW_FILE_MODE);
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

function sameName(path: string, cause: unknown): LarderError {
  return new LarderError(
    "BAD_PATH",
    `Cannot make a view: ${JSON.stringify(path)} has the name of another file here`,
    {
      field: "path",
      hint: "Read the files by HTTP: this file system takes the two names for one.",
      cause,
    },
  );
}
