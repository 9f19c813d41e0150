import { constants, renameSync } from "node:fs";
import { chmod, copyFile, readdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Clock, type Digest, LarderError } from "../core/index.ts";
import type { BlobReader } from "./blob-reader.ts";
import { findEntry, type Home, onDisk } from "./disk-error.ts";
import type { Flusher } from "./flusher.ts";
import type { InUse } from "./in-use.ts";
import { FILE_MODE, keyOfIncoming, type Layout } from "./layout.ts";
import { removeFile } from "./own-file.ts";
import { unsafe } from "./prepare.ts";
import type { Scratch } from "./scratch.ts";
import type { StoredPart, SweepOptions, SweepOutcome } from "./types.ts";

/** What taking away needs of the store around it. */
export interface RemoverTools {
  readonly home: Home;
  readonly layout: Layout;
  readonly flusher: Flusher;
  readonly reader: BlobReader;
  readonly clock: Clock;
  /** Digests that are pinned. */
  readonly pins: InUse;
  /** Keys of parts, and of scratch files, that this process has open. */
  readonly keys: InUse;
  readonly scratch: Scratch;
}

interface Incoming {
  readonly path: string;
  readonly sizeBytes: number;
  readonly diskBytes: number;
  readonly writtenAtS: number;
}

/** What `lstat` counts blocks in, whatever the file system's own are. */
const BLOCK_BYTES = 512;

/**
 * Takes things out of the store. A name goes in one synchronous step right after the last look at who uses it, so nobody can begin
 * to use it in between; the bytes, which may take the system a while, go after that.
 */
export class Remover {
  constructor(private readonly tools: RemoverTools) {}

  async remove(digest: Digest): Promise<boolean> {
    const { home, layout, pins, flusher } = this.tools;
    return await onDisk(home, `remove blob ${digest}`, async () => {
      if (pins.has(digest)) return false;
      await this.#take(layout.blob(digest));
      await flusher.syncFolders([layout.blobFolder(digest)]);
      return true;
    });
  }

  async quarantine(digest: Digest): Promise<string | undefined> {
    const { home, layout, keys, flusher } = this.tools;
    const blob = layout.blob(digest);
    if (keys.has(digest)) throw isBeingWritten(digest);
    const endUse = keys.take(digest);
    try {
      return await onDisk(home, `take blob ${digest} out`, async () => {
        const entry = findEntry(blob);
        if (entry === undefined) return undefined;
        if (!entry.isFile()) throw unsafe(blob, "not a regular file");
        // An older journal tells of other bytes.
        await removeFile(layout.journal(digest));
        if (entry.nlink > 1) await this.#separate(blob, layout.part(digest));
        else await rename(blob, layout.part(digest));
        await chmod(layout.part(digest), FILE_MODE);
        await flusher.syncFolders([dirname(blob), layout.incoming]);
        return digest;
      });
    } finally {
      endUse();
    }
  }

  async sweep(options: SweepOptions): Promise<SweepOutcome> {
    const pinned = this.tools.pins.watch();
    const opened = this.tools.keys.watch();
    try {
      return await onDisk(this.tools.home, "sweep the store", async () => {
        const blobs = await this.#sweepBlobs(options, pinned.touched);
        const parts = await this.#sweepParts(options, opened.touched);
        const bytesFreed = [...blobs, ...parts].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
        return { blobs, parts, bytesFreed };
      });
    } finally {
      pinned.stop();
      opened.stop();
    }
  }

  async parts(): Promise<StoredPart[]> {
    const { home, layout } = this.tools;
    const names = await onDisk(home, "list the partial downloads", () => readdir(layout.incoming));
    return [...groupByKey(layout.incoming, names)].map(([key, files]) => ({
      key,
      diskBytes: files.reduce((sum, { diskBytes }) => sum + diskBytes, 0),
      writtenAtS: Math.max(...files.map(({ writtenAtS }) => writtenAtS)),
    }));
  }

  async removePart(key: string): Promise<boolean> {
    const { home, layout, keys } = this.tools;
    return await onDisk(home, `delete the part ${key}`, async () => {
      if (keys.has(key)) return false;
      await Promise.all([layout.part(key), layout.journal(key)].map((path) => this.#take(path)));
      return true;
    });
  }

  async #sweepBlobs(
    options: SweepOptions,
    isTouched: (digest: string) => boolean,
  ): Promise<SweepOutcome["blobs"]> {
    const { reader, layout, flusher } = this.tools;
    const swept: Array<{ digest: Digest; sizeBytes: number }> = [];
    const folders = new Set<string>();
    for await (const { digest, sizeBytes } of reader.scan()) {
      if (options.alive.has(digest) || isTouched(digest)) continue;
      const path = layout.blob(digest);
      if (!this.#isOld(path, options.graceS)) continue;
      swept.push({ digest, sizeBytes });
      if (options.dryRun) continue;
      folders.add(layout.blobFolder(digest));
      await this.#take(path);
    }
    await flusher.syncFolders(folders);
    return swept;
  }

  async #sweepParts(
    options: SweepOptions,
    isTouched: (key: string) => boolean,
  ): Promise<SweepOutcome["parts"]> {
    const { layout } = this.tools;
    const swept: Array<{ key: string; sizeBytes: number }> = [];
    for (const [key, files] of groupByKey(layout.incoming, await readdir(layout.incoming))) {
      if (options.aliveParts.has(key) || isTouched(key)) continue;
      if (!files.every(({ path }) => this.#isOld(path, options.graceS))) continue;
      swept.push({ key, sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) });
      if (options.dryRun) continue;
      // All names first: nothing may come between the look above and the last of them.
      await Promise.all(files.map(({ path }) => this.#take(path)));
    }
    return swept;
  }

  /** A rename counts too: a part may have been written long before it became a blob. */
  #isOld(path: string, graceS: number): boolean {
    const entry = findEntry(path);
    if (entry === undefined) return false;
    if (graceS <= 0) return true;
    return this.tools.clock.nowS() - Math.max(entry.mtimeMs, entry.ctimeMs) / 1000 >= graceS;
  }

  /** The name goes at once, the bytes later. Nothing there is fine. */
  async #take(path: string): Promise<void> {
    if (findEntry(path) === undefined) return;
    await this.tools.scratch.use(async (trash) => renameSync(path, trash));
  }

  /** The bytes are also someone else's file, a user's or a view's: repairing happens in a copy. */
  async #separate(blob: string, part: string): Promise<void> {
    await this.tools.scratch.use(async (copy) => {
      await copyFile(blob, copy, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
      await rename(copy, part);
    });
    await removeFile(blob);
  }
}

function groupByKey(folder: string, names: readonly string[]): Map<string, Incoming[]> {
  const groups = new Map<string, Incoming[]>();
  for (const name of names) {
    const key = keyOfIncoming(name);
    const path = join(folder, name);
    const entry = key === undefined ? undefined : findEntry(path);
    if (key === undefined || entry === undefined) continue;
    groups.set(key, [...groups.get(key) ?? [], {
      path,
      sizeBytes: entry.isFile() ? entry.size : 0,
      diskBytes: entry.blocks * BLOCK_BYTES,
      writtenAtS: entry.mtimeMs / 1000,
    }]);
  }
  return groups;
}

function isBeingWritten(digest: Digest): LarderError {
  return new LarderError("BUSY", `Cannot take blob ${digest} out: it is being written`, {
    retryable: true,
    hint: "Wait for the pull that writes it.",
  });
}
