import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { diskError, logger, systemCode } from "../../core/index.ts";
import type { LoadLedger, LoadRecord } from "./load-ledger.ts";

export interface FileLedgerOptions {
  /** Holds `loads.json` and, for each load under way, a file in `loading/`. */
  readonly folder: string;
  /** What another build found out is forgotten. */
  readonly build: string;
  readonly nowS: () => number;
}

const CRASHES_KEPT = 16;
/** Records of sound files beyond this number go, the oldest first; they are then tried again. */
const RECORDS_MAX = 10_000;

const recordSchema = z.object({
  label: z.string(),
  verdict: z.enum(["unknown", "sound", "crashing"]),
  crashes: z.array(z.object({ atS: z.number(), reason: z.string() })),
});
const documentSchema = z.object({ build: z.string(), loads: z.record(z.string(), recordSchema) });

/**
 * A ledger in small files. They are replaced in one step and not flushed: after a power cut a file is at worst tried once more.
 *
 * @throws {LarderError} Answers of the disk.
 */
export function openFileLedger(options: FileLedgerOptions): LoadLedger {
  const ledger = new FileLedger(options);
  ledger.takeUnfinished();
  return ledger;
}

class FileLedger implements LoadLedger {
  readonly #records: Map<string, LoadRecord>;
  readonly #path: string;
  readonly #loading: string;

  constructor(private readonly options: FileLedgerOptions) {
    this.#path = join(options.folder, "loads.json");
    this.#loading = join(options.folder, "loading");
    try {
      mkdirSync(this.#loading, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw diskError(error, "make the folder of runtimes");
    }
    this.#records = readRecords(this.#path, options.build);
  }

  /** Loads that the process before this one did not survive. */
  takeUnfinished(): void {
    for (const key of readdirSync(this.#loading)) {
      const label = readFileSync(join(this.#loading, key), "utf8");
      this.noteCrash(key, label, "load did not finish: the whole process ended", false);
      rmSync(join(this.#loading, key), { force: true });
    }
  }

  find(key: string): LoadRecord | undefined {
    return this.#records.get(key);
  }

  begin(key: string, label: string): () => void {
    const path = join(this.#loading, key);
    attempt("note a load", () => writeFileSync(path, label, { mode: 0o600 }));
    return () => rmSync(path, { force: true });
  }

  noteSound(key: string, label: string): void {
    const known = this.#records.get(key);
    if (known?.verdict === "sound" && known.label === label) return;
    this.#set(key, { label, verdict: "sound", crashes: known?.crashes ?? [] });
  }

  noteCrash(key: string, label: string, reason: string, isCertain: boolean): void {
    const known = this.#records.get(key);
    const crashes = [...known?.crashes ?? [], { atS: this.options.nowS(), reason }].slice(-CRASHES_KEPT);
    this.#set(key, { label, verdict: isCertain ? "crashing" : known?.verdict ?? "unknown", crashes });
  }

  forget(key: string): void {
    if (this.#records.delete(key)) this.#write();
  }

  #set(key: string, record: LoadRecord): void {
    // Set anew, it is the youngest.
    this.#records.delete(key);
    this.#records.set(key, record);
    const oldSound = this.#records.size > RECORDS_MAX &&
      this.#records.entries().find(([, { verdict, crashes }]) => verdict === "sound" && crashes.length === 0);
    if (oldSound) this.#records.delete(oldSound[0]);
    this.#write();
  }

  #write(): void {
    const text = JSON.stringify(
      { build: this.options.build, loads: Object.fromEntries(this.#records) },
      null,
      1,
    );
    attempt("write loads.json", () => {
      writeFileSync(`${this.#path}.tmp`, text, { mode: 0o600 });
      renameSync(`${this.#path}.tmp`, this.#path);
    });
  }
}

/** What cannot be read is as good as not there: every file is then tried again in a process of its own. */
function readRecords(path: string, build: string): Map<string, LoadRecord> {
  try {
    const document = documentSchema.parse(JSON.parse(readFileSync(path, "utf8")));
    return new Map(document.build === build ? Object.entries(document.loads) : []);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") {
      logger("runtimes").warning("Cannot read loads.json: {error}", { error });
    }
    return new Map();
  }
}

/** On a full or broken disk models are still to be loaded; what is not noted is at worst tried once more. */
function attempt(action: string, work: () => unknown): void {
  try {
    work();
  } catch (error) {
    logger("runtimes").warning("Cannot {action}: {error}", { action, error });
  }
}
