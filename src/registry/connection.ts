import { Database, type SQLQueryBindings, type Statement } from "bun:sqlite";
import { registryError } from "./sqlite-error.ts";

/**
 * A database connection with one table of statements, all prepared when it opens (so a schema that does not fit shows at
 * once). Failures of SQLite arrive as errors of the house.
 */
export class Connection<S extends Readonly<Record<string, string>>> {
  readonly #statements = new Map<keyof S, Statement>();
  readonly #path: string;

  /**
   * Takes the database over: {@link close} closes it.
   *
   * @param watch Is shown every failure.
   */
  constructor(
    readonly db: Database,
    sql: S,
    private readonly watch?: { look(error: unknown): void },
  ) {
    this.#path = db.filename;
    try {
      for (const [name, text] of Object.entries(sql)) this.#statements.set(name, db.prepare(text));
    } catch (error) {
      this.close();
      throw this.#failure(error, "open the registry");
    }
  }

  get<T>(name: keyof S, ...values: SQLQueryBindings[]): T | undefined {
    try {
      return (this.#statement(name).get(...values) as T | null) ?? undefined;
    } catch (error) {
      throw this.#failure(error, "read the registry");
    }
  }

  all<T>(name: keyof S, ...values: SQLQueryBindings[]): T[] {
    try {
      return this.#statement(name).all(...values) as T[];
    } catch (error) {
      throw this.#failure(error, "read the registry");
    }
  }

  /** Returns how many rows changed. */
  run(name: keyof S, ...values: SQLQueryBindings[]): number {
    try {
      return this.#statement(name).run(...values).changes;
    } catch (error) {
      throw this.#failure(error, "write to the registry");
    }
  }

  /** Several reads of one state, whatever is committed meanwhile. */
  snapshot<T>(work: () => T): T {
    this.command("BEGIN");
    try {
      return work();
    } finally {
      this.command("COMMIT");
    }
  }

  /** One statement without values and without an answer: transactions, savepoints, pragmas. */
  command(sql: string): void {
    try {
      this.db.run(sql);
    } catch (error) {
      throw this.#failure(error, "write to the registry");
    }
  }

  close(): void {
    for (const statement of this.#statements.values()) statement.finalize();
    this.#statements.clear();
    this.db.close(true);
  }

  #statement(name: keyof S): Statement {
    const statement = this.#statements.get(name);
    if (statement === undefined) throw new Error(`No statement ${String(name)} on a closed registry`);
    return statement;
  }

  #failure(error: unknown, action: string): unknown {
    const failure = registryError(error, action, this.#path);
    this.watch?.look(failure);
    return failure;
  }
}

/** What every connection needs: temporary data in memory, so that nothing is written outside the home. */
export function openDatabase(path: string, options: { readonly readonly: boolean }): Database {
  try {
    const db = new Database(
      path,
      options.readonly ? { readonly: true, strict: true } : { readwrite: true, create: false, strict: true },
    );
    db.run("PRAGMA temp_store = MEMORY");
    return db;
  } catch (error) {
    throw registryError(error, "open the registry", path);
  }
}

/** Another number than before when another connection has committed since. */
export function dataVersion(db: { get<T>(name: "dataVersion"): T | undefined }): number {
  return db.get<{ data_version: number }>("dataVersion")?.data_version ?? 0;
}

/** All rows of one answer. The statement is let go at once: one that lives on keeps its connection from closing. */
export function answer(db: Database, sql: string): unknown[][] {
  const statement = db.prepare(sql);
  try {
    return statement.values();
  } finally {
    statement.finalize();
  }
}
