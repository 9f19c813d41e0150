import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { basename, dirname } from "node:path";
import { type ErrorRecord, LarderError } from "../core/index.ts";
import { isFlushUnsupported, OPEN_NEW } from "./descriptors.ts";
import { diskError, findEntry, type Home, isGone, storeGone } from "./disk-error.ts";
import { FILE_MODE } from "./layout.ts";
import { startWriteback } from "./writeback.ts";

/** A written file that is to get its final name. The descriptor stays open; who opened it closes it. */
export interface Publication {
  readonly fd: number;
  readonly from: string;
  readonly to: string;
  readonly sizeBytes: number;
  /** Its bytes were flushed already: only the name is new. */
  readonly isFlushed: boolean;
  /** Deleted when the new name is durable. */
  readonly journal?: string;
}

/** A small file that is to be written at `from`, where nothing is, and then to get its final name. */
export interface NewFile {
  readonly bytes: Uint8Array;
  readonly from: string;
  readonly to: string;
}

export interface Batch {
  readonly home: Home;
  readonly publications: ReadonlyArray<Publication | NewFile>;
  /** Folders whose entries changed otherwise. */
  readonly folders: readonly string[];
}

export interface BatchOutcome {
  /** In order of the publications and of the folders; null where all went well. */
  readonly publications: ReadonlyArray<ErrorRecord | null>;
  readonly folders: ReadonlyArray<ErrorRecord | null>;
  /** Some file system refused to flush: what was done is as durable as it makes it. */
  readonly isReduced: boolean;
}

/**
 * Publishes files together, step by step: start writing all → flush each → still the named file → rename → flush each folder once.
 * One file's failure is its own. Blocks its thread.
 */
export function flushBatch({ home, publications, folders }: Batch): BatchOutcome {
  const flusher = new BatchFlusher(home);
  const written = publications.map((item) => "bytes" in item ? flusher.write(item) : item);
  for (const item of written) if (isWritten(item) && !item.isFlushed) startWriteback(item.fd);
  // All flushes before the first rename: a rename between two would make the second write the file system's journal again.
  const flushed = written.map((item) => isWritten(item) ? flusher.flush(item) ?? item : item);
  const failures = flushed.map((item) => isWritten(item) ? flusher.name(item) : item);
  publications.forEach((item, index) => {
    if ("bytes" in item) finishNew(written[index], item.from, failures[index] !== null);
  });
  const synced = new Map<string, ErrorRecord | null>();
  const renamed = publications.filter((_, index) => failures[index] === null);
  for (const folder of [...folders, ...renamed.map(({ to }) => dirname(to))]) {
    if (!synced.has(folder)) synced.set(folder, flusher.syncFolder(folder));
  }
  const outcomes = publications.map(({ to }, index) => failures[index] ?? synced.get(dirname(to)) ?? null);
  publications.forEach((item, index) => {
    if ("journal" in item && item.journal !== undefined && outcomes[index] === null) {
      removeQuietly(item.journal);
    }
  });
  return {
    publications: outcomes,
    folders: folders.map((folder) => synced.get(folder) ?? null),
    isReduced: flusher.isReduced,
  };
}

function isWritten(item: Publication | ErrorRecord | undefined): item is Publication {
  return item !== undefined && "fd" in item;
}

/** A new file is this thread's own: closed in every case, and gone when it did not get its name. */
function finishNew(written: Publication | ErrorRecord | undefined, from: string, isFailed: boolean): void {
  if (isWritten(written)) closeSync(written.fd);
  if (isFailed) removeQuietly(from);
}

class BatchFlusher {
  isReduced = false;

  constructor(private readonly home: Home) {}

  write({ bytes, from, to }: NewFile): Publication | ErrorRecord {
    let fd: number | undefined;
    const failure = this.#attempt(`write ${basename(to)}`, () => {
      fd = openSync(from, OPEN_NEW, FILE_MODE);
      fchmodSync(fd, FILE_MODE);
      for (let done = 0; done < bytes.byteLength;) {
        done += writeSync(fd, bytes, done, bytes.byteLength - done, done);
      }
    });
    if (failure === null && fd !== undefined) {
      return { fd, from, to, sizeBytes: bytes.byteLength, isFlushed: false };
    }
    if (fd !== undefined) closeSync(fd);
    return failure ?? notCommitted(from, "it could not be opened").toRecord();
  }

  flush({ fd, from, isFlushed }: Publication): ErrorRecord | null {
    return isFlushed ? null : this.#attempt(`flush ${basename(from)}`, () => this.#fsync(fd));
  }

  name(publication: Publication): ErrorRecord | null {
    return this.#attempt(`commit ${basename(publication.from)}`, () => {
      checkUnchanged(publication, this.home);
      renameSync(publication.from, publication.to);
    });
  }

  syncFolder(folder: string): ErrorRecord | null {
    return this.#attempt(`flush the folder ${basename(folder)}`, () => {
      const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
      try {
        this.#fsync(fd);
      } finally {
        closeSync(fd);
      }
    });
  }

  /** A failed flush is final for its descriptor: the kernel reports lost pages once, and a second try would succeed. */
  #fsync(fd: number): void {
    try {
      fsyncSync(fd);
    } catch (error) {
      if (!isFlushUnsupported(error)) throw error;
      this.isReduced = true;
    }
  }

  #attempt(action: string, work: () => void): ErrorRecord | null {
    try {
      work();
      return null;
    } catch (error) {
      const known = diskError(action, error, this.home);
      if (known instanceof LarderError) return known.toRecord();
      throw known;
    }
  }
}

/** The name must still belong to the bytes that were written: a sweep by hand may have taken it away or put another file there. */
function checkUnchanged({ fd, from, sizeBytes }: Publication, home: Home): void {
  const open = fstatSync(fd);
  const named = findEntry(from);
  if (open.nlink === 0 || named === undefined || named.ino !== open.ino || named.dev !== open.dev) {
    if (isGone(home)) throw storeGone(home);
    throw notCommitted(from, "it was deleted or replaced while it was written");
  }
  if (open.size !== sizeBytes) throw notCommitted(from, `it has ${open.size} bytes instead of ${sizeBytes}`);
}

function notCommitted(path: string, reason: string): LarderError {
  return new LarderError("IO", `Cannot commit ${basename(path)}: ${reason}`, {
    retryable: true,
    hint: "Start the pull again, and keep other programs out of the home.",
  });
}

/** The next sweep takes what stays: a journal without its part, or bytes without a name. */
function removeQuietly(path: string): void {
  try {
    if (lstatSync(path, { throwIfNoEntry: false })) unlinkSync(path);
  } catch {
    // What happened to the bytes was said already; this is only tidying.
  }
}
