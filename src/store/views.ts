import { mkdir, readdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { KeyedQueue, LarderError, systemCode } from "../core/index.ts";
import type { BlobReader } from "./blob-reader.ts";
import { findEntry, type Home, onDisk } from "./disk-error.ts";
import { FOLDER_MODE, type Layout } from "./layout.ts";
import { isSame, placeFile } from "./place-file.ts";
import { ensureFolder } from "./prepare.ts";
import { removeFolderIfEmpty, removeWithParents, type Scratch } from "./scratch.ts";
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

  /** Takes files out, and folders that are empty then. Nothing there is fine. */
  trim(model: string, version: string, paths: readonly string[]): Promise<void> {
    const folder = this.tools.layout.view(model, version);
    return this.#change(model, `trim the view of ${model}@${version}`, async () => {
      if (!findEntry(folder)?.isDirectory()) return;
      for (const path of paths) await removeWithParents(folder, viewPath(path));
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
