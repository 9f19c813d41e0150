import { rmSync } from "node:fs";
import { type Digest, isLarderError } from "../core/index.ts";
import { Connection, openDatabase } from "./connection.ts";
import { createPrivate, syncPath } from "./durable-file.ts";
import { type ParsedManifest, parseManifest } from "./manifest.ts";
import { migrate } from "./migrate.ts";
import type { Kept } from "./salvage.ts";
import type { Migration } from "./schema.ts";
import { WRITE_SQL } from "./statements.ts";
import type { TokenRow } from "./types.ts";
import { type WriteConnection, type WriteOps, writeOps } from "./write-ops.ts";

/** What a registry is built from again. Where that lies is not known here. */
export interface RebuildSource {
  /** Manifest documents as they were read, one version each; what is not one is passed over and counted. */
  manifests(): AsyncIterable<unknown>;
  /** Every committed blob on disk, by name and length; no bytes are read. */
  blobs(): AsyncIterable<{ readonly digest: Digest; readonly sizeBytes: number }>;
  tokens(): Promise<readonly TokenRow[]>;
}

export interface BuildCounts {
  readonly versions: number;
  readonly blobs: number;
  readonly aliases: number;
  readonly tokens: number;
  /** Documents that are no manifests. */
  readonly skipped: number;
}

/** Writes a whole new registry to `path` in one transaction; it is on disk when this resolves. An older try is replaced. */
export async function buildRegistry(
  path: string,
  migrations: readonly Migration[],
  source: RebuildSource,
  kept: Kept,
): Promise<BuildCounts> {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(path + suffix, { force: true });
  createPrivate(path);
  migrate(path, migrations);
  const db = new Connection(openDatabase(path, { readonly: false }), WRITE_SQL);
  try {
    // Nobody knows this file yet: it is flushed once, at the end, and thrown away when that is not reached.
    db.command("PRAGMA synchronous = OFF");
    db.command("PRAGMA foreign_keys = ON");
    db.command("BEGIN");
    const counts = await new Build(db).run(source, kept);
    db.command("COMMIT");
    return counts;
  } finally {
    db.close();
    syncPath(path);
  }
}

interface AliasClaim {
  readonly model: string;
  readonly alias: string;
  readonly version: string;
  readonly writtenAtS: number;
}

class Build {
  readonly #ops: WriteOps;
  readonly #claims = new Map<string, AliasClaim>();

  constructor(private readonly db: WriteConnection) {
    this.#ops = writeOps(db);
  }

  async run(source: RebuildSource, kept: Kept): Promise<BuildCounts> {
    // First, because what `best` stands for depends on them.
    for (const { key, value } of kept.settings) this.#ops.setSetting(key, value);
    const blobs = await this.#addBlobs(source);
    const { versions, skipped } = await this.#addVersions(source);
    const aliases = this.#addAliases();
    const tokens = await source.tokens();
    for (const token of tokens) this.#ops.putToken(token);
    for (const pull of kept.pulls) this.#ops.putPull(pull);
    for (const row of kept.options) this.#ops.putOptions(row);
    return { versions, blobs, aliases, tokens: tokens.length, skipped };
  }

  async #addBlobs(source: RebuildSource): Promise<number> {
    let count = 0;
    for await (const blob of source.blobs()) {
      this.#ops.recordBlob(blob, 0);
      count++;
    }
    return count;
  }

  async #addVersions(source: RebuildSource): Promise<{ versions: number; skipped: number }> {
    let versions = 0;
    let skipped = 0;
    for await (const document of source.manifests()) {
      const manifest = readManifest(document);
      if (manifest === undefined) skipped++;
      else {
        this.#addVersion(manifest);
        versions++;
      }
    }
    return { versions, skipped };
  }

  /** A blob that is not on disk is known as missing, one of another length as damaged. */
  #addVersion({ record, aliases, writtenAtS, chunkDigests }: ParsedManifest): void {
    for (const { digest, sizeBytes } of record.files) {
      this.db.run("restoreBlob", digest, sizeBytes, chunkDigests.get(digest) ?? null);
    }
    this.#ops.putVersion(record, writtenAtS);
    for (const alias of aliases) {
      this.#claim({ model: record.model, alias, version: record.version, writtenAtS });
    }
  }

  /** Two versions claim one alias when a crash came between writing their manifests: the later document is right. */
  #claim(claim: AliasClaim): void {
    const key = `${claim.model}@${claim.alias}`;
    const other = this.#claims.get(key);
    if (other === undefined || claim.writtenAtS > other.writtenAtS) this.#claims.set(key, claim);
  }

  #addAliases(): number {
    let count = 0;
    for (const { model, alias, version, writtenAtS } of this.#claims.values()) {
      try {
        this.#ops.setAlias(model, alias, version, writtenAtS);
        count++;
      } catch (error) {
        // A version came to have the alias's name: it goes before the alias anyway.
        if (!isLarderError(error, "BAD_ALIAS")) throw error;
      }
    }
    return count;
  }
}

function readManifest(document: unknown): ParsedManifest | undefined {
  try {
    return parseManifest(document);
  } catch (error) {
    if (isLarderError(error, "CORRUPT_SOURCE")) return undefined;
    throw error;
  }
}
