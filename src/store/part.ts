import { chmod, lstat, unlink } from "node:fs/promises";
import { type Digest, isLarderError, LarderError, systemCode } from "../core/index.ts";
import { closeFd, fstatFd, fsyncFd, OPEN_JOURNAL, OPEN_PART, openFd } from "./descriptors.ts";
import { type Home, onDisk } from "./disk-error.ts";
import type { Flusher } from "./flusher.ts";
import type { HashPool } from "./hash-pool.ts";
import { FILE_MODE, type Layout } from "./layout.ts";
import { unsafe } from "./prepare.ts";
import type { FollowOptions, Part, PartFollower } from "./types.ts";

/** What a part needs of the store around it. */
export interface PartTools {
  readonly home: Home;
  readonly layout: Layout;
  readonly flusher: Flusher;
  readonly hashes: HashPool;
  /** Tells the store that the part is not open any more. */
  readonly onClosed: () => void;
}

/** Opens part and journal of a key, new or left behind. @throws {LarderError} UNSAFE_PATH, PERMISSION, NO_INODES, READONLY, ... */
export function openLocalPart(key: string, tools: PartTools): Promise<LocalPart> {
  const { home, layout } = tools;
  return onDisk(home, `open the part ${key}`, async () => {
    const fd = await openOwnFile(layout.part(key), OPEN_PART);
    try {
      return new LocalPart(key, fd, await openOwnFile(layout.journal(key), OPEN_JOURNAL), tools);
    } catch (error) {
      await closeFd(fd);
      throw error;
    }
  });
}

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

export class LocalPart implements Part {
  readonly path: string;
  readonly #journal: string;
  readonly #followers = new Set<PartFollower & { readonly stopped: Promise<void> }>();
  #isClosed = false;

  constructor(
    readonly key: string,
    readonly fd: number,
    readonly journalFd: number,
    private readonly tools: PartTools,
  ) {
    this.path = tools.layout.part(key);
    this.#journal = tools.layout.journal(key);
  }

  follow(options: FollowOptions = {}): PartFollower {
    const follower = this.tools.hashes.follow(this.fd, options);
    this.#followers.add(follower);
    void follower.stopped.then(() => this.#followers.delete(follower));
    return follower;
  }

  async commit(digest: Digest, sizeBytes: number): Promise<void> {
    this.#refuseClosed();
    const { flusher, layout } = this.tools;
    try {
      await flusher.publish({
        fd: this.fd,
        from: this.path,
        to: layout.blob(digest),
        sizeBytes,
        journal: this.#journal,
      });
    } catch (error) {
      // After a failed flush nobody knows which bytes are on disk, and asking again would hide it.
      if (isLarderError(error, "IO") && error.details?.["errno"] === "EIO") await this.discard();
      throw error;
    }
    await this.#close();
  }

  async discard(): Promise<void> {
    if (this.#isClosed) return;
    await this.#stopFollowers();
    await onDisk(this.tools.home, `delete the part ${this.key}`, async () => {
      await Promise.all([removeFile(this.path), removeFile(this.#journal)]);
    }).finally(() => this.#close());
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.#stopFollowers();
    await onDisk(this.tools.home, `flush the part ${this.key}`, async () => {
      await Promise.all([fsyncFd(this.fd), fsyncFd(this.journalFd)]);
    }).finally(() => this.#close());
  }

  /** Another thread may read from the descriptor until it says that it stopped; its number would mean another file by then. */
  async #close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#stopFollowers();
    await Promise.all([closeFd(this.fd), closeFd(this.journalFd)]);
    this.tools.onClosed();
  }

  async #stopFollowers(): Promise<void> {
    await Promise.all([...this.#followers].map((follower) => {
      follower.cancel();
      return follower.stopped;
    }));
  }

  #refuseClosed(): void {
    if (this.#isClosed) {
      throw new LarderError("BAD_STATE", `Cannot commit the part ${this.key}: it is closed`);
    }
  }
}

export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
}
