import { Database, SQLiteError } from "bun:sqlite";
import { chmodSync, closeSync, constants, fchmodSync, lstatSync, mkdirSync, openSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Clock, diskError, isLarderError, LarderError, systemClock, systemCode } from "../core/index.ts";
import { forgetOwner, type HomeOwner, readOwner, writeOwner } from "./home-owner.ts";

export interface HomeLockOptions {
  readonly home: string;
  /** What this process does with the home, shown to whoever waits: `serve`, `pull`. */
  readonly verb: string;
  /** How long to wait for another owner to end. */
  readonly waitMs: number;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

export interface HomeLock {
  release(): Promise<void>;
}

const POLL_MS = 50;

/**
 * Makes this process the owner of a home until it releases or dies: the operating system drops the lock then, so none is ever
 * stale. A home that does not exist yet is made, for its user only.
 *
 * Keep the result for as long as the home is in use: the lock goes when nothing refers to it any more.
 *
 * The lock is SQLite's own on `<home>/lock`. Nothing else may open that file: closing it again would drop the lock silently.
 *
 * @throws {LarderError} HOME_LOCKED naming the owner, UNSAFE_PATH, READONLY, PERMISSION; the signal's reason.
 */
export async function acquireHomeLock(options: HomeLockOptions): Promise<HomeLock> {
  const { home, verb, waitMs, signal, clock = systemClock } = options;
  const path = join(home, "lock");
  const deadlineMs = clock.monotonicMs() + waitMs;
  for (;;) {
    signal?.throwIfAborted();
    prepare(home, path);
    const held = tryLock(path);
    if (held) return own(held, home, { pid: process.pid, verb, started_at: clock.nowS() });
    const leftMs = deadlineMs - clock.monotonicMs();
    if (leftMs <= 0) throw lockedError(home);
    await clock.sleep(Math.min(POLL_MS, leftMs), signal);
  }
}

function prepare(home: string, path: string): void {
  try {
    makePrivateFolder(home);
    makePrivateFile(path);
  } catch (error) {
    throw diskError(error, "take the home");
  }
  if (lstatSync(path).isFile()) return;
  throw new LarderError("UNSAFE_PATH", "Cannot take the home: its lock is not a regular file", {
    hint: `Remove what was put at ${path}.`,
  });
}

/** Mode 0700 whatever the umask; one that exists keeps its mode. */
function makePrivateFolder(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  try {
    mkdirSync(path, 0o700);
  } catch (error) {
    if (systemCode(error) === "EEXIST") return;
    throw error;
  }
  chmodSync(path, 0o700);
}

/** Opens the file only when it did not exist, so when nobody can hold its lock. */
function makePrivateFile(path: string): void {
  try {
    const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    fchmodSync(fd, 0o600);
    closeSync(fd);
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
  }
}

/**
 * An exclusive transaction that stays open. In SQLite's normal locking mode a refused one lets go of everything it got, so two
 * that wait cannot block each other.
 */
function tryLock(path: string): Database | undefined {
  const before = lstatSync(path).ino;
  const db = new Database(path, { readwrite: true, create: false });
  try {
    db.run("BEGIN EXCLUSIVE");
    // Replaced while it was opened: what is locked here is not what the next process will open.
    if (before === lstatSync(path).ino) return db;
  } catch (error) {
    if (!isBusy(error)) {
      db.close(true);
      throw lockFailure(error);
    }
  }
  db.close(true);
  return undefined;
}

function own(held: Database, home: string, owner: HomeOwner): HomeLock {
  try {
    writeOwner(home, owner);
  } catch (error) {
    const failure = diskError(error, "note the owner of the home");
    // The note is for messages; a full disk must not keep out the one who comes to free it.
    if (!isLarderError(failure, "NO_SPACE")) {
      held.close(true);
      throw failure;
    }
  }
  return {
    release: async () => {
      forgetOwner(home, owner);
      held.close(true);
    },
  };
}

function isBusy(error: unknown): boolean {
  return error instanceof SQLiteError && /^SQLITE_(BUSY|LOCKED)/.test(error.code ?? "");
}

function lockFailure(error: unknown): unknown {
  if (!(error instanceof SQLiteError)) return error;
  if (error.code?.startsWith("SQLITE_READONLY")) {
    return new LarderError("READONLY", "Cannot lock the home: it is read-only", {
      hint: "Make the disk of the home writable.",
      cause: error,
    });
  }
  return new LarderError("IO", `Cannot lock the home: ${error.code}`, {
    hint: "The file system of the home must support locks; keep the home on a local disk.",
    cause: error,
  });
}

function lockedError(home: string): LarderError {
  const owner = readOwner(home);
  const who = owner === undefined
    ? "another process"
    : `larder ${owner.verb} (process ${owner.pid}) since ${new Date(owner.started_at * 1000).toISOString()}`;
  return new LarderError("HOME_LOCKED", `Cannot take the home: ${who} has it`, {
    hint: "Wait for it to end, stop it, or give another home with --home.",
    retryable: true,
    ...(owner === undefined ? {} : { details: { ...owner } }),
  });
}
