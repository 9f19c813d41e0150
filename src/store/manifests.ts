import { readdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { KeyedQueue, logger } from "../core/index.ts";
import { closeFd, OPEN_NEW } from "./descriptors.ts";
import { findEntry, type Home, onDisk } from "./disk-error.ts";
import type { Flusher } from "./flusher.ts";
import type { Layout } from "./layout.ts";
import { openOwnFile, removeFile } from "./own-file.ts";
import { ensureFolder } from "./prepare.ts";
import { removeFolderIfEmpty, type Scratch } from "./scratch.ts";

/** A longer document is no manifest: a version of a million files stays below it. */
const MANIFEST_BYTES_MAX = 512 * 1024 * 1024;

export interface ManifestTools {
  readonly home: Home;
  readonly layout: Layout;
  readonly flusher: Flusher;
  readonly scratch: Scratch;
}

/** Small JSON documents, one for each version, from which the registry can be made again. */
export class Manifests {
  readonly #queue = new KeyedQueue();

  constructor(private readonly tools: ManifestTools) {}

  write(model: string, version: string, manifest: unknown): Promise<void> {
    const path = this.tools.layout.manifest(model, version);
    const text = JSON.stringify(manifest);
    return this.#change(model, `write the manifest of ${model}@${version}`, async () => {
      await ensureFolder(dirname(path));
      await this.#publish(text, path);
    });
  }

  remove(model: string, version: string): Promise<void> {
    const path = this.tools.layout.manifest(model, version);
    return this.#change(model, `remove the manifest of ${model}@${version}`, async () => {
      if (findEntry(path) === undefined) return;
      await removeFile(path);
      await this.tools.flusher.syncFolders([dirname(path)]);
      await removeFolderIfEmpty(dirname(path));
    });
  }

  async *readAll(): AsyncGenerator<unknown> {
    const { home, layout } = this.tools;
    for (const folder of await onDisk(home, "list the manifests", () => subfolders(layout.manifests))) {
      const names = await onDisk(home, "list the manifests", () => readdir(join(layout.manifests, folder)));
      for (const name of names.filter((name) => name.endsWith(".json")).toSorted()) {
        const manifest = await readManifest(join(layout.manifests, folder, name));
        if (manifest !== undefined) yield manifest;
      }
    }
  }

  #publish(text: string, path: string): Promise<void> {
    return this.tools.scratch.use(async (scratch) => {
      const fd = await openOwnFile(scratch, OPEN_NEW);
      try {
        await writeFile(scratch, text);
        await this.tools.flusher.publish({ fd, from: scratch, to: path, sizeBytes: Buffer.byteLength(text) });
      } finally {
        await closeFd(fd);
      }
    });
  }

  /** One change of a model's folder at a time: the folder itself comes and goes. */
  #change<T>(model: string, action: string, work: () => Promise<T>): Promise<T> {
    return this.#queue.run(model, () => onDisk(this.tools.home, action, work));
  }
}

async function subfolders(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name).toSorted();
}

/** Undefined, and a line in the log, for what cannot be read: one bad manifest must not hide the others. */
async function readManifest(path: string): Promise<unknown> {
  try {
    const entry = findEntry(path);
    if (!entry?.isFile()) throw new Error("it is not a regular file");
    if (entry.size > MANIFEST_BYTES_MAX) throw new Error(`it has ${entry.size} bytes`);
    return JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    logger("store").warn("Passed over the manifest {name}: {reason}", {
      name: `${basename(dirname(path))}/${basename(path)}`,
      reason: error instanceof Error ? error.message : String(error),
    });
    return undefined;
  }
}
