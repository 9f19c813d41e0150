import { constants } from "node:fs";
import { chmod, copyFile, link, lstat } from "node:fs/promises";
import { basename } from "node:path";
import { type Digest, isLarderError, LarderError, systemCode } from "../core/index.ts";
import type { BlobReader } from "./blob-reader.ts";
import { closeFd, fstatFd, OPEN_NEW, OPEN_TO_READ, openFd } from "./descriptors.ts";
import { type Home, onDisk } from "./disk-error.ts";
import type { Flusher } from "./flusher.ts";
import type { Taken, TakeRequest } from "./hash-messages.ts";
import type { HashPool } from "./hash-pool.ts";
import type { InUse } from "./in-use.ts";
import { FILE_MODE, type Layout } from "./layout.ts";
import { openOwnFile, removeFile } from "./own-file.ts";
import type { Scratch } from "./scratch.ts";
import type { SpaceLedger } from "./space.ts";
import type { BlobStore, ImportedFile, ImportMode } from "./types.ts";

type ImportOptions = Parameters<BlobStore["importFile"]>[1];
type LinkMode = Exclude<ImportMode, "auto">;

export interface ImporterTools {
  readonly home: Home;
  readonly layout: Layout;
  readonly flusher: Flusher;
  readonly hashes: HashPool;
  readonly reader: BlobReader;
  readonly space: SpaceLedger;
  readonly scratch: Scratch;
  /** Digests that are pinned. */
  readonly pins: InUse;
}

/** What the system says where bytes cannot be shared: another file system, one without shared extents, too many links. */
const CANNOT_SHARE = ["EXDEV", "ENOTSUP", "EOPNOTSUPP", "EINVAL", "ENOSYS", "ENOTTY", "EMLINK", "EPERM"];

/** Takes local files in. The bytes are hashed when they are already the store's, so a source that changes meanwhile cannot cheat. */
export class Importer {
  constructor(private readonly tools: ImporterTools) {}

  /** The blob is pinned until the caller has had his turn to pin it himself, or to leave it. */
  async take(path: string, options: ImportOptions): Promise<ImportedFile> {
    using pin = new DisposableStack();
    const hold = (digest: Digest) => {
      const unpin = this.tools.pins.take(digest);
      pin.defer(() => void setImmediate(unpin));
    };
    return await onDisk(this.tools.home, `import ${path}`, async () => {
      const sourceFd = await openSource(path);
      try {
        const present = await this.#findPresent(path, sourceFd, options, hold);
        return present ?? await this.#takeIn(path, sourceFd, options, hold);
      } finally {
        await closeFd(sourceFd);
      }
    });
  }

  /** With a digest that is stored already the source only has to be what it is said to be. */
  async #findPresent(
    path: string,
    sourceFd: number,
    options: ImportOptions,
    hold: (digest: Digest) => void,
  ): Promise<ImportedFile | undefined> {
    if (!options.expected || !this.tools.reader.has(options.expected)) return undefined;
    const taken = await this.#hash({ sourceFd }, options);
    checkExpected(path, taken, options.expected);
    // Before the look: what is there by then stays.
    hold(taken.digest);
    return this.#isPresent(taken) ? { ...taken, mode: "present" } : undefined;
  }

  #takeIn(
    path: string,
    sourceFd: number,
    options: ImportOptions,
    hold: (digest: Digest) => void,
  ): Promise<ImportedFile> {
    return this.tools.scratch.use(async (scratch) => {
      const shared = await share(path, scratch, options.mode);
      const [taken, fd] = shared
        ? await this.#hashShared(path, sourceFd, scratch, shared, options)
        : await this.#copy(sourceFd, scratch, options);
      try {
        checkExpected(path, taken, options.expected);
        hold(taken.digest);
        if (this.#isPresent(taken)) return { ...taken, mode: "present" };
        const to = this.tools.layout.blob(taken.digest);
        await this.tools.flusher.publish({ fd, from: scratch, to, sizeBytes: taken.sizeBytes });
        return { ...taken, mode: shared ?? "copy" };
      } finally {
        await closeFd(fd);
      }
    });
  }

  async #hashShared(
    path: string,
    sourceFd: number,
    scratch: string,
    mode: LinkMode,
    options: ImportOptions,
  ): Promise<readonly [Taken, number]> {
    const fd = await openFd(scratch, OPEN_TO_READ);
    try {
      const [source, own] = [await fstatFd(sourceFd), await fstatFd(fd)];
      if (!own.isFile() || (mode === "hardlink" && own.ino !== source.ino)) throw notRegular(path);
      return [await this.#hash({ sourceFd: fd }, options), fd];
    } catch (error) {
      await closeFd(fd);
      throw error;
    }
  }

  async #copy(sourceFd: number, scratch: string, options: ImportOptions): Promise<readonly [Taken, number]> {
    const reservation = await this.tools.space.reserve((await fstatFd(sourceFd)).size);
    try {
      const fd = await openOwnFile(scratch, OPEN_NEW);
      try {
        return [await this.#hash({ sourceFd, targetFd: fd }, options), fd];
      } catch (error) {
        await closeFd(fd);
        throw error;
      }
    } finally {
      reservation.release();
    }
  }

  async #hash(request: TakeRequest, { signal, onProgress }: ImportOptions): Promise<Taken> {
    let bytesDone = 0;
    return await this.tools.hashes.run<Taken>("take", request, {
      signal,
      onBytes: (bytes) => onProgress?.(bytesDone += bytes),
    });
  }

  #isPresent({ digest, sizeBytes }: Taken): boolean {
    try {
      this.tools.reader.open(digest, sizeBytes);
      return true;
    } catch (error) {
      // A blob of another length is damaged: what was just hashed takes its place.
      if (isLarderError(error, "BLOB_MISSING") || isLarderError(error, "BLOB_DAMAGED")) return false;
      throw error;
    }
  }
}

/** Looks before it opens: opening a pipe waits for the other end, and opening a device may do something. */
async function openSource(path: string): Promise<number> {
  const entry = await lstat(path).catch((error) => {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) {
      throw badSource(path, "it does not exist", error);
    }
    throw error;
  });
  if (!entry.isFile()) throw notRegular(path);
  const fd = await openFd(path, OPEN_TO_READ);
  if ((await fstatFd(fd)).isFile()) return fd;
  await closeFd(fd);
  throw notRegular(path);
}

/** Gives the source's bytes a name in the store without copying them. Undefined when they have to be copied. */
async function share(path: string, scratch: string, mode: ImportMode): Promise<LinkMode | undefined> {
  if (mode === "copy") return undefined;
  try {
    if (mode === "hardlink") {
      await link(path, scratch);
      return mode;
    }
    await copyFile(path, scratch, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
    // A clone has the mode of its source.
    await chmod(scratch, FILE_MODE);
    return "reflink";
  } catch (error) {
    if (!CANNOT_SHARE.includes(systemCode(error) ?? "")) throw error;
    await removeFile(scratch);
    if (mode === "auto") return undefined;
    throw badSource(
      path,
      `the file system cannot ${mode} it into the home`,
      error,
      "Use the mode auto or copy.",
    );
  }
}

function checkExpected(path: string, { digest }: Taken, expected: Digest | undefined): void {
  if (expected === undefined || digest === expected) return;
  throw new LarderError(
    "DIGEST_MISMATCH",
    `Cannot import ${basename(path)}: expected ${expected}, got ${digest}`,
    {
      hint: "Check the digest, or get the file again from where it came.",
      details: { expected, actual: digest },
    },
  );
}

function notRegular(path: string): LarderError {
  return badSource(path, "it is not a regular file");
}

function badSource(path: string, reason: string, cause?: unknown, hint?: string): LarderError {
  return new LarderError("BAD_SOURCE", `Cannot import ${path}: ${reason}`, {
    field: "path",
    hint: hint ?? "Give the path of a regular file, or of a folder with regular files.",
    cause,
  });
}
