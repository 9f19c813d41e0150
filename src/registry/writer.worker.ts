import { type Digest, serveWorker } from "../core/index.ts";
import { scanChunks } from "./chunk-scan.ts";
import { dataVersion } from "./connection.ts";
import { FileGuard } from "./file-guard.ts";
import { GroupCommit } from "./group-commit.ts";
import { openWriteConnection } from "./write-connection.ts";
import { type WriteConnection, type WriteOps, writeOps } from "./write-ops.ts";

/** How long a write waits for another program's lock. */
const BUSY_MS = 5000;
/** SQLite waits this long at a time, so that the thread can take up new writes in between. */
const BUSY_SLICE_MS = 250;

/** Owns the writing connection; one per thread. */
class Writer {
  #db: WriteConnection | undefined;
  #ops: WriteOps | undefined;
  #commits: GroupCommit | undefined;
  #dataVersion = 0;
  #foreignWrites = 0;

  open(path: string): void {
    this.#db = openWriteConnection(path, BUSY_SLICE_MS);
    this.#dataVersion = dataVersion(this.#db);
    const guard = new FileGuard(path);
    this.#ops = writeOps(this.#db);
    this.#commits = new GroupCommit(this.#db, { check: () => guard.check(), busyMs: BUSY_MS });
  }

  write(name: keyof WriteOps, args: unknown[], durable: boolean): Promise<unknown> | undefined {
    const operation = this.#ops?.[name] as ((...args: unknown[]) => unknown) | undefined;
    return operation && this.#commits?.submit(() => operation(...args), durable);
  }

  async findChunks(wanted: Digest[]) {
    return this.#db ? await scanChunks(this.#db, wanted) : [];
  }

  /** On this connection the number changes only by commits of other processes: no other one of this process writes. */
  foreignWrites(): number {
    const version = this.#db ? dataVersion(this.#db) : this.#dataVersion;
    if (version !== this.#dataVersion) this.#foreignWrites++;
    this.#dataVersion = version;
    return this.#foreignWrites;
  }

  /** Ends what waits, then closes: SQLite empties and removes its log. */
  async close(): Promise<void> {
    await this.#commits?.idle();
    this.#db?.close();
  }
}

const writer = new Writer();
serveWorker({
  open: (path: string) => writer.open(path),
  write: (name: keyof WriteOps, args: unknown[], durable: boolean) => writer.write(name, args, durable),
  findChunks: (wanted: Digest[]) => writer.findChunks(wanted),
  foreignWrites: () => writer.foreignWrites(),
  close: () => writer.close(),
});
