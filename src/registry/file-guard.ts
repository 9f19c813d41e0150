import { statRegular } from "./durable-file.ts";
import { goneError } from "./sqlite-error.ts";

/**
 * Remembers which files a database was opened from. SQLite goes on "succeeding" on files that were deleted, so a writer asks
 * here before each transaction.
 */
export class FileGuard {
  readonly #files: ReadonlyMap<string, string | undefined>;

  /** Call with the database open in WAL mode, after its first read: all three files exist then. */
  constructor(path: string) {
    this.#files = new Map([path, `${path}-wal`, `${path}-shm`].map((file) => [file, identity(file)]));
  }

  /** @throws {LarderError} STORE_GONE */
  check(): void {
    for (const [file, opened] of this.#files) {
      if (opened === undefined || identity(file) !== opened) throw goneError("write to the registry");
    }
  }
}

function identity(file: string): string | undefined {
  const entry = statRegular(file);
  return entry && `${entry.dev}:${entry.ino}`;
}
