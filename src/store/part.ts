import { closeSync } from "node:fs";
import { type Digest, isLarderError, LarderError } from "../core/index.ts";
import { closeFd, fsyncFd, OPEN_JOURNAL, OPEN_PART } from "./descriptors.ts";
import { type Home, onDisk } from "./disk-error.ts";
import type { Flusher } from "./flusher.ts";
import type { HashPool } from "./hash-pool.ts";
import type { Layout } from "./layout.ts";
import { openOwnFile, removeFile } from "./own-file.ts";
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

export class LocalPart implements Part {
  readonly path: string;
  readonly #journal: string;
  readonly #followers = new Set<PartFollower & { readonly stopped: Promise<void> }>();
  #isClosed = false;
  /** Settled when no commit is under way: its thread works with the descriptor. */
  #committed: Promise<void> = Promise.resolve();

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

  commit(digest: Digest, sizeBytes: number): Promise<void> {
    const commit = this.#commit(digest, sizeBytes);
    this.#committed = commit.catch(() => {});
    return commit;
  }

  async #commit(digest: Digest, sizeBytes: number): Promise<void> {
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
      if (isLarderError(error, "IO") && error.details?.["errno"] === "EIO") await this.#discard();
      throw error;
    }
    await this.#close();
  }

  async discard(): Promise<void> {
    await this.#committed;
    await this.#discard();
  }

  async #discard(): Promise<void> {
    if (this.#isClosed) return;
    await this.#stopFollowers();
    await onDisk(this.tools.home, `delete the part ${this.key}`, async () => {
      await Promise.all([removeFile(this.path), removeFile(this.#journal)]);
    }).finally(() => this.#close(closeFd));
  }

  async close(): Promise<void> {
    await this.#committed;
    if (this.#isClosed) return;
    await this.#stopFollowers();
    await onDisk(this.tools.home, `flush the part ${this.key}`, async () => {
      await Promise.all([fsyncFd(this.fd), fsyncFd(this.journalFd)]);
    }).finally(() => this.#close());
  }

  /** Another thread may read from the descriptor until it says that it stopped; its number would mean another file by then. */
  async #close(close: (fd: number) => unknown = closeSync): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#stopFollowers();
    // At once where nothing is left to do; closing a large file without a name frees its blocks and takes a while.
    await Promise.all([close(this.fd), close(this.journalFd)]);
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
