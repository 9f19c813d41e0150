import {
  type Digest,
  type Events,
  isLarderError,
  LarderError,
  SingleFlight,
  unpackDigests,
} from "../core/index.ts";
import type { BlobRow, FileSource, Registry } from "../registry/index.ts";
import type { BlobStore } from "../store/index.ts";
import type { JobContext } from "./jobs.ts";
import type { PlannedFile } from "./pull-plan.ts";
import type { Quarantine } from "./quarantine.ts";
import { recordImported } from "./record-imported.ts";
import type { SharedTransfers } from "./shared-transfers.ts";
import { findTargets } from "./targets.ts";
import type { RepairResult, UpkeepRequest } from "./types.ts";

export interface RepairDeps {
  readonly registry: Registry;
  readonly store: Pick<BlobStore, "verify" | "importFile" | "open">;
  readonly transfers: Pick<SharedTransfers, "run">;
  readonly quarantine: Quarantine;
  readonly events: Events;
  /** Nothing is fetched: only what was imported can be repaired. */
  readonly offline: boolean;
}

interface Repaired {
  readonly bytesFetched: number;
  readonly chunksFetched: number;
}

/** Makes damaged and missing blobs whole again from where they came from. */
export class Repair {
  readonly #running = new SingleFlight<Digest, Repaired>();

  constructor(private readonly deps: RepairDeps) {}

  /** Repairs what is known to be bad among the targets; named targets are looked through first. */
  async run(request: UpkeepRequest, job: JobContext): Promise<RepairResult> {
    const targets = findTargets(this.deps.registry, request.targets);
    if (request.targets !== undefined && request.targets.length > 0) await this.#lookThrough(targets, job);
    const bad = targets.map(({ digest }) => this.deps.registry.findBlob(digest)).filter((row) =>
      row !== undefined && row.state !== "intact"
    );
    const repaired: Array<RepairResult["repaired"][number]> = [];
    const failed: Array<RepairResult["failed"][number]> = [];
    for (const row of bad) {
      if (row === undefined || request.dry_run === true) continue;
      try {
        const { bytesFetched, chunksFetched } = await this.blob(row, job.signal);
        repaired.push({ sha256: row.digest, bytes_fetched: bytesFetched, chunks_fetched: chunksFetched });
      } catch (error) {
        job.signal.throwIfAborted();
        if (!isLarderError(error)) throw error;
        failed.push({ sha256: row.digest, error: error.toRecord() });
      }
    }
    return { repaired, failed };
  }

  /** One blob, once however many ask. @throws {LarderError} BLOB_MISSING without a source, or what fetching it ends with. */
  blob(row: BlobRow, signal: AbortSignal): Promise<Repaired> {
    return this.#running.run(row.digest, () => this.#repair(row, signal));
  }

  async #repair(row: BlobRow, signal: AbortSignal): Promise<Repaired> {
    const sources = this.deps.registry.sourcesOf(row.digest);
    const urls = this.deps.offline ? [] : sources.filter(({ kind }) => kind === "url");
    const outcome = urls.length > 0
      ? await this.#fetch(row, urls, signal)
      : await this.#importAgain(row, sources, signal);
    await this.deps.registry.setBlobState(row.digest, "intact");
    this.deps.events.emit({ type: "repaired", digest: row.digest });
    return outcome;
  }

  async #fetch(row: BlobRow, sources: readonly FileSource[], signal: AbortSignal): Promise<Repaired> {
    const plain = sources.filter(({ encoding }) => encoding === undefined);
    const [encoded] = sources;
    const encoding = plain.length > 0 ? undefined : encoded?.encoding;
    const file: PlannedFile = {
      path: row.digest,
      urls: (plain.length > 0 ? plain : sources).map(({ location }) => location),
      digest: row.digest,
      sizeBytes: row.sizeBytes,
      ...(encoding === undefined ? {} : { encoding }),
      ...(row.chunkDigests === undefined || encoding !== undefined
        ? {}
        : { chunks: unpackDigests(row.chunkDigests) }),
    };
    const { unpin, ...blob } = await this.deps.transfers.run(file, {
      signal,
      group: row.digest,
      onProgress: () => {},
    });
    unpin();
    return blob;
  }

  /** What was imported is taken again from where it lay, if it still has these bytes. */
  async #importAgain(row: BlobRow, sources: readonly FileSource[], signal: AbortSignal): Promise<Repaired> {
    for (const { location } of sources) {
      try {
        const imported = await this.deps.store.importFile(location, {
          mode: "auto",
          expected: row.digest,
          signal,
        });
        await recordImported(this.deps, imported);
        return { bytesFetched: 0, chunksFetched: 0 };
      } catch (error) {
        if (!isLarderError(error)) throw error;
      }
    }
    throw new LarderError(
      "BLOB_MISSING",
      this.deps.offline
        ? `Cannot repair blob ${row.digest}: larder is told to stay offline`
        : `Cannot repair blob ${row.digest}: no source of it is known or still has it`,
      {
        hint: this.deps.offline ? "Start without --offline." : "Pull or import the model again.",
      },
    );
  }

  async #lookThrough(rows: readonly BlobRow[], job: JobContext): Promise<void> {
    const sound = rows.filter(({ state }) => state === "intact");
    job.setTotal(sound.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
    const outcomes = await this.deps.store.verify(sound, {
      signal: job.signal,
      onProgress: (bytes) => job.setDone(bytes),
    });
    for (const outcome of outcomes) {
      const row = rows.find(({ digest }) => digest === outcome.digest);
      if (row !== undefined && outcome.state !== "intact") await this.deps.quarantine.takeOut(row, outcome);
    }
  }
}
