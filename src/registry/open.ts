import { chmodSync, statSync } from "node:fs";
import { type Clock, diskError, LarderError, systemClock, WorkerClient } from "../core/index.ts";
import { blobReads } from "./blob-reads.ts";
import { dataVersion } from "./connection.ts";
import { createPrivate, statRegular } from "./durable-file.ts";
import { ForeignWrites } from "./foreign-writes.ts";
import { hubReads } from "./hub-reads.ts";
import { inspectRegistry } from "./inspect.ts";
import { listingReads } from "./listing-reads.ts";
import { migrate } from "./migrate.ts";
import { modelReads } from "./model-reads.ts";
import { otherReads } from "./other-reads.ts";
import { pullReads } from "./pull-reads.ts";
import { openImmutable, openReadConnection, type ReadConnection } from "./read-connection.ts";
import { type Migration, MIGRATIONS, schemaVersion } from "./schema.ts";
import { damageError, isDamage } from "./sqlite-error.ts";
import { markClosed, markDamaged, markOpen } from "./state-file.ts";
import type { ChunkMatch, Registry } from "./types.ts";
import { useReads } from "./use-reads.ts";
import type { WriteOps } from "./write-ops.ts";
import { registryWrites, type Submit } from "./writes.ts";

export interface OpenRegistryOptions {
  /** The database file; its folder exists. */
  readonly path: string;
  /** For a disk that cannot be written: reads answer, writes reject with READONLY. Default false. */
  readonly readonly?: boolean;
  readonly clock?: Clock;
  /** Tests give their own. */
  readonly migrations?: readonly Migration[];
}

/** Writes handed to the writer thread that are not answered yet. */
const WRITES_WAITING_MAX = 10_000;
/** Between two looks for writes of other processes. */
const LOOK_MS = 1000;

/**
 * Opens the registry, or makes a new one; an older schema is backed up and migrated. One process at a time: the caller holds
 * the home's lock. While it is open, nothing in this process may open the file by other means: closing it would drop SQLite's locks.
 *
 * @throws {LarderError} SCHEMA_NEWER with nothing changed; IO with `details.damaged` when only a rebuild helps; UNSAFE_PATH, READONLY, BUSY.
 */
export async function openRegistry(options: OpenRegistryOptions): Promise<Registry> {
  try {
    return await open(options);
  } catch (error) {
    throw diskError(error, "open the registry");
  }
}

async function open(options: OpenRegistryOptions): Promise<Registry> {
  const { path, migrations = MIGRATIONS, readonly = false } = options;
  const schema = schemaVersion(migrations);
  const condition = inspectRegistry(path, schema, readonly ? "header" : "content");
  if (condition.kind === "damaged") throw damageError("open the registry", condition.reason);
  if (readonly) return openReadonly(path, schema, condition.kind === "sound" ? condition.schema : 0);
  if (condition.kind === "absent") createPrivate(path);
  return await openSound(options);
}

/** Opens a registry that was inspected, or an empty file. */
export async function openSound(options: OpenRegistryOptions): Promise<Registry> {
  const { path, clock = systemClock, migrations = MIGRATIONS } = options;
  chmodSync(path, 0o600);
  migrate(path, migrations);
  const worker = new WorkerClient("registry/writer");
  try {
    await worker.call("open", [path]);
    const damage = new DamageNote(path);
    const reads = openReadConnection(path, damage);
    markOpen(path);
    const changes = new Changes();
    const submit = submitter(worker, damage, changes);
    const findChunks = (wanted: readonly string[]) => worker.call<ChunkMatch[]>("findChunks", [wanted]);
    const foreign = new ForeignWrites({
      dataVersion: () => dataVersion(reads),
      askWriter: () => worker.call<number>("foreignWrites"),
      onForeign: () => void changes.count++,
    });
    const stopLooking = lookRegularly(foreign);
    return {
      ...registryReads(reads, schemaVersion(migrations)),
      ...registryWrites({ submit, findChunks, nowS: () => clock.nowS() }),
      generation: () => changes.count,
      foreignWrites: () => foreign.look(),
      modifiedAtS: () => modifiedAtS(path),
      close: once(() => {
        stopLooking();
        return closeAll(reads, worker, damage);
      }),
    };
  } catch (error) {
    // In its own thread: a connection that outlives its thread would keep the file open.
    await worker.call("close").catch(() => {});
    worker.close();
    throw error;
  }
}

function openReadonly(path: string, schema: number, found: number): Registry {
  if (found !== schema) throw readonlyError("make or migrate the registry");
  const hasLog = Boolean(statRegular(`${path}-wal`)?.size);
  const reads = hasLog ? openReadConnection(path) : openImmutable(path);
  const refuse = () => Promise.reject(readonlyError("write to the registry"));
  const changes = new Changes();
  const foreign = new ForeignWrites({
    dataVersion: () => dataVersion(reads),
    onForeign: () => void changes.count++,
  });
  const stopLooking = lookRegularly(foreign);
  return {
    ...registryReads(reads, schema),
    ...registryWrites({ submit: refuse, findChunks: () => Promise.resolve([]), nowS: () => 0 }),
    generation: () => changes.count,
    foreignWrites: () => foreign.look(),
    modifiedAtS: () => modifiedAtS(path),
    close: once(async () => {
      stopLooking();
      reads.close();
    }),
  };
}

function registryReads(db: ReadConnection, schema: number) {
  return {
    ...blobReads(db),
    ...modelReads(db),
    ...listingReads(db),
    ...hubReads(db),
    ...pullReads(db),
    ...otherReads(db, schema),
    ...useReads(db),
  };
}

/** Writes down that SQLite found damage, once: the next start builds the registry again. */
class DamageNote {
  seen = false;

  constructor(readonly path: string) {}

  look(error: unknown): void {
    if (this.seen || !isDamage(error)) return;
    this.seen = true;
    markDamaged(this.path);
  }
}

/** Counts the changes that may turn the answer to a read into another one. */
class Changes {
  count = 0;

  note(name: keyof WriteOps): void {
    if (!SILENT.has(name)) this.count++;
  }
}

/** History, use, settings and times of verification: no name, digest or state depends on them. */
const SILENT: ReadonlySet<keyof WriteOps> = new Set<keyof WriteOps>([
  ...["putPull", "setVerified", "recordUses", "putPreload", "removePreload", "setSetting"] as const,
]);

function submitter(worker: WorkerClient, damage: DamageNote, changes: Changes): Submit {
  let waiting = 0;
  return async (name, args, { durable } = { durable: true }) => {
    if (waiting >= WRITES_WAITING_MAX) throw tooManyError();
    waiting++;
    try {
      return await worker.call("write", [name, args, durable]);
    } catch (error) {
      damage.look(error);
      throw error;
    } finally {
      waiting--;
      changes.note(name);
    }
  };
}

/** For those who trust `generation()` and have no time to look themselves. Returns what ends it. */
function lookRegularly(foreign: ForeignWrites): () => void {
  const timer = setInterval(async () => {
    try {
      await foreign.look();
    } catch {
      // What keeps a connection from answering this keeps it from answering the next read too, which says so.
    }
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Commits go to the log first; the file itself is written when the log is folded into it. */
function modifiedAtS(path: string): number | undefined {
  const times = [path, `${path}-wal`].map((one) => statSync(one, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  return Math.max(...times) / 1000 || undefined;
}

/** Readers first: the last connection to close folds the log into the database, which a reading one may not. */
async function closeAll(reads: ReadConnection, worker: WorkerClient, damage: DamageNote): Promise<void> {
  reads.close();
  try {
    await worker.call("close");
  } finally {
    worker.close();
  }
  if (!damage.seen) markClosed(damage.path);
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => done ??= work();
}

function readonlyError(action: string): LarderError {
  return new LarderError("READONLY", `Cannot ${action}: the disk of the home is read-only`, {
    hint: "Make the disk of the home writable; what is stored can still be read.",
  });
}

function tooManyError(): LarderError {
  return new LarderError("BUSY", `Cannot write to the registry: ${WRITES_WAITING_MAX} writes are waiting`, {
    hint: "Try again.",
    retryable: true,
  });
}
