import { closeSync, constants, openSync } from "node:fs";

const OPEN_MAX = 64;
const OPEN_MS = 2000;

/**
 * Files that were just read stay open for a moment: many small ranges of one file cost one opening. All are closed
 * together after a while, so that a deleted blob gives its space back and a replaced one is seen.
 */
export class Descriptors {
  readonly #open = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  /** A descriptor for reading, valid until the next turn of the event loop. Links are not followed. */
  get(path: string): number {
    const kept = this.#open.get(path);
    if (kept !== undefined) return kept;
    if (this.#open.size >= OPEN_MAX) this.closeAll();
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    this.#open.set(path, fd);
    this.#timer ??= setTimeout(() => this.closeAll(), OPEN_MS).unref();
    return fd;
  }

  close(path: string): void {
    const fd = this.#open.get(path);
    if (fd !== undefined) closeSync(fd);
    this.#open.delete(path);
  }

  closeAll(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }
}
