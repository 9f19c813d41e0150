import { type FSWatcher, watch } from "node:fs";
import { logger } from "../../core/index.ts";

const log = logger("watched");

/** @throws When the system cannot, or has no more watches to give. */
export type OpenWatcher = (folder: string, onEvent: (path: string | undefined) => void) => FSWatcher;

const watchBelow: OpenWatcher = (folder, onEvent) =>
  watch(folder, { recursive: true, persistent: false }, (_, name) => onEvent(name ?? undefined));

/**
 * Is told by the system when something happens below a folder. That may be late, too little or nothing at all: it only makes the next
 * look come sooner.
 */
export class FolderEvents {
  #watcher: FSWatcher | undefined;
  #identity: string | undefined;

  constructor(
    private readonly folder: string,
    private readonly onEvent: (path: string | undefined) => void,
    private readonly openWatcher: OpenWatcher = watchBelow,
  ) {}

  get areOpen(): boolean {
    return this.#watcher !== undefined;
  }

  /**
   * @param identity Of the folder that is there now: another one at the same path has to be watched anew.
   * @returns True when it has just begun: what happened before was not told.
   */
  follow(identity: string): boolean {
    if (identity === this.#identity) return false;
    this.close();
    this.#identity = identity;
    try {
      const watcher = this.openWatcher(this.folder, this.onEvent);
      watcher.on("error", (error) => this.#lose(watcher, error));
      this.#watcher = watcher;
      return true;
    } catch (error) {
      this.#lose(undefined, error);
      return false;
    }
  }

  close(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#identity = undefined;
  }

  /** The identity stays: it is not tried again for the same folder. */
  #lose(watcher: FSWatcher | undefined, error: unknown): void {
    watcher?.close();
    if (this.#watcher === watcher) this.#watcher = undefined;
    log.info("Looks at {folder} again and again, because events cannot be had: {error}", {
      folder: this.folder,
      error: String(error),
    });
  }
}
