import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  renameSync,
  unlinkSync,
} from "node:fs";
import { basename, dirname } from "node:path";
import { type ErrorRecord, LarderError } from "../core/index.ts";
import { isFlushUnsupported } from "./descriptors.ts";
import { diskError, findEntry, type Home, isGone, storeGone } from "./disk-error.ts";
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

export interface Batch {
  readonly home: Home;
  readonly publications: readonly Publication[];
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
  for (const { fd, isFlushed } of publications) if (!isFlushed) startWriteback(fd);
  // All flushes before the first rename: a rename between two would make the second write the file system's journal again.
  const unflushed = publications.map((publication) => flusher.flush(publication));
  const failures = publications.map((publication, index) => unflushed[index] ?? flusher.name(publication));
  const synced = new Map<string, ErrorRecord | null>();
  const renamed = publications.filter((_, index) => failures[index] === null);
  for (const folder of [...folders, ...renamed.map(({ to }) => dirname(to))]) {
    if (!synced.has(folder)) synced.set(folder, flusher.syncFolder(folder));
  }
  const outcomes = publications.map(({ to }, index) => failures[index] ?? synced.get(dirname(to)) ?? null);
  publications.forEach(({ journal }, index) => {
    if (journal !== undefined && outcomes[index] === null) removeJournal(journal);
  });
  return {
    publications: outcomes,
    folders: folders.map((folder) => synced.get(folder) ?? null),
    isReduced: flusher.isReduced,
  };
}

class BatchFlusher {
  isReduced = false;

  constructor(private readonly home: Home) {}

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

function removeJournal(path: string): void {
  try {
    if (lstatSync(path, { throwIfNoEntry: false })) unlinkSync(path);
  } catch {
    // The bytes are committed and a journal without its part says nothing; the next sweep takes it.
  }
}
