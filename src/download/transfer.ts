import { closeSync, constants, openSync } from "node:fs";
import {
  CHUNK_BYTES,
  chunkCount,
  chunkRange,
  type Digest,
  LarderError,
  redactAddress,
} from "../core/index.ts";
import type { BodyReaderDeps } from "./body-reader.ts";
import { ChunkMap } from "./chunk-map.ts";
import type { JournalHeader } from "./journal.ts";
import { type LaneHost, Lanes } from "./lanes.ts";
import { isFinal, type MirrorFailure, RestartError, summarize } from "./failures.ts";
import type { PartFile } from "./part-file.ts";
import type { Offer } from "./response-check.ts";
import type { TransferJob, TransferOutcome } from "./transfer-protocol.ts";

/** Front bytes, or time, between two reports. */
const REPORT_BYTES = 4 * 1024 * 1024;
const REPORT_MS = 50;
/** How much of a chunk may be written without a note in the journal. */
const NOTE_BYTES = 512 * 1024;
/** Starts from zero that one mirror may cause. */
const RESTARTS_MAX = 1;

export interface TransferReport {
  readonly frontBytes: number;
  readonly bytesDone: number;
  readonly bytesFetched: number;
  readonly connections: number;
  readonly resumable: boolean | undefined;
}

export interface TransferBegin {
  readonly totalBytes: number | undefined;
  /** Nothing of what was there is kept. */
  readonly fresh: boolean;
  /** Chunks that are there, with the digests that were noted for them. */
  readonly recorded: ReadonlyArray<readonly [number, Digest]>;
}

export interface TransferHooks {
  /** Resolves when writing may begin. */
  begin(begin: TransferBegin): Promise<void>;
  report(report: TransferReport): void;
}

export interface TransferDeps extends BodyReaderDeps {
  readonly part: PartFile;
  readonly boot: string | undefined;
  readonly hooks: TransferHooks;
}

/** Brings one part to completeness: from its journal, from local chunks, then from mirror after mirror. */
export class Transfer implements LaneHost {
  map: ChunkMap | undefined;
  etag: string | undefined;
  ranges: boolean | undefined;
  connections = 0;
  hashedBytes = 0;
  /** Position in a body whose length nobody said. */
  streamedBytes = 0;
  #begun = false;
  #resumed = false;
  #bytesFetched = 0;
  #chunksFetched = 0;
  #mirrorIndex = 0;
  #lastMirror: number | undefined;
  #reportedFront = 0;
  #reportedMs = 0;
  readonly #contributors = new Set<number>();

  constructor(readonly job: TransferJob, readonly deps: TransferDeps, readonly signal: AbortSignal) {}

  get contributors(): number[] {
    return [...this.#contributors];
  }

  get bytesFetched(): number {
    return this.#bytesFetched;
  }

  async run(): Promise<TransferOutcome> {
    if (!this.job.fresh) await this.#resume();
    await this.#copyChunks();
    if (!this.#isComplete()) await this.#fetchFromMirrors();
    return this.#finish();
  }

  /** Progress of the follower: noted in the journal, and the brake of the lanes. */
  noteHashed(index: number, digest: Digest): void {
    this.hashedBytes = Math.max(this.hashedBytes, (index + 1) * CHUNK_BYTES);
    this.deps.part.noteHashed(index, digest);
  }

  /** Called by a lane with checked headers, before it takes bytes. */
  async accept(offer: Offer): Promise<void> {
    if (
      offer.totalBytes !== undefined && this.job.sizeBytes !== undefined &&
      offer.totalBytes !== this.job.sizeBytes
    ) {
      throw sizeMismatch(this.job.sizeBytes, offer.totalBytes);
    }
    const totalBytes = offer.totalBytes ?? this.job.sizeBytes;
    if (this.map !== undefined && totalBytes !== undefined && totalBytes !== this.map.totalBytes) {
      throw new RestartError("UPSTREAM_CHANGED", "the file has another length than before");
    }
    // A tag of another mirror says nothing; the digest decides there.
    if (this.etag !== undefined && this.#begun && offer.etag !== this.etag) {
      throw new RestartError("UPSTREAM_CHANGED", "the file has another tag than before");
    }
    this.ranges = this.ranges === false ? false : offer.ranges;
    if (!this.#begun) await this.#begin(totalBytes, offer.etag);
    this.etag = offer.etag;
  }

  take(bytes: Uint8Array, position: number): void {
    this.deps.part.write(bytes, position);
    this.#bytesFetched += bytes.byteLength;
    this.#contributors.add(this.#mirrorIndex);
    if (this.map === undefined) this.streamedBytes = position + bytes.byteLength;
    else {
      for (const index of this.map.advance(position, position + bytes.byteLength)) {
        this.deps.part.noteWritten(index);
        this.#chunksFetched++;
      }
      this.#noteBegun(position, position + bytes.byteLength);
    }
    this.#report(false);
  }

  #noteBegun(start: number, end: number): void {
    if (Math.floor(start / NOTE_BYTES) === Math.floor(end / NOTE_BYTES)) return;
    const index = Math.floor(end / CHUNK_BYTES);
    if (this.map?.isDone(index) === false) this.deps.part.noteBegun(index, end - index * CHUNK_BYTES);
  }

  get frontBytes(): number {
    return this.map?.frontBytes ?? this.streamedBytes;
  }

  async #resume(): Promise<void> {
    const journal = this.deps.part.readJournal();
    if (journal === undefined || !this.#fits(journal.header)) return;
    // Since the same boot nothing that was written can be lost; after another one only what has a digest can be checked.
    const sameBoot = journal.header.boot !== undefined && journal.header.boot === this.deps.boot;
    const trusted = sameBoot ? journal.written : new Set(journal.hashed.keys());
    const { totalBytes } = journal.header;
    this.map = new ChunkMap(totalBytes);
    // Bytes beyond the end of the part were never written, whatever the journal says.
    const presentBytes = this.deps.part.sizeBytes();
    for (const index of trusted) {
      if (chunkRange(index, totalBytes).end <= presentBytes) this.map.markDone(index);
    }
    if (sameBoot) { for (const [index, bytes] of journal.begun) this.map.markBegun(index, bytes); }
    for (const index of this.job.refetch) this.map.markMissing(index);
    this.#resumed = this.map.doneBytes > 0;
    this.etag = journal.header.mirror === redactAddress(this.job.mirrors[0] ?? "")
      ? journal.header.etag
      : undefined;
    this.#lastMirror = 0;
    this.deps.part.setSize(totalBytes);
    const recorded = [...journal.hashed].filter(([index]) => this.map?.isDone(index));
    await this.#announce({ totalBytes, recorded, fresh: false });
  }

  /** Without a digest to decide at the end, only the same tag of the same mirror shows that the bytes belong together. */
  #fits(header: JournalHeader): boolean {
    if (this.job.sizeBytes !== undefined && header.totalBytes !== this.job.sizeBytes) return false;
    if (this.job.digest !== undefined || this.job.chunksKnown) return true;
    return header.etag !== undefined && header.mirror === redactAddress(this.job.mirrors[0] ?? "");
  }

  async #copyChunks(): Promise<void> {
    const { copies, sizeBytes } = this.job;
    if (copies.length === 0 || sizeBytes === undefined) return;
    if (!this.#begun) await this.#begin(sizeBytes, undefined);
    for (const copy of copies) {
      this.signal.throwIfAborted();
      if (this.map?.isDone(copy.index) === false) this.#copyChunk(copy, sizeBytes);
      this.#report(false);
      // Lets other transfers of this thread go on between two chunks.
      await Bun.sleep(0);
    }
  }

  #copyChunk(copy: { index: number; path: string; offset: number; digest: Digest }, sizeBytes: number): void {
    const fd = openSync(copy.path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const { start, end } = chunkRange(copy.index, sizeBytes);
      if (!this.deps.part.copyChunk({ fd, offset: copy.offset, digest: copy.digest }, start, end)) return;
      this.map?.markDone(copy.index);
      this.deps.part.noteWritten(copy.index);
      this.#resumed = true;
    } finally {
      closeSync(fd);
    }
  }

  async #fetchFromMirrors(): Promise<void> {
    const failures: MirrorFailure[] = [];
    for (const [index, address] of this.job.mirrors.entries()) {
      this.#mirrorIndex = index;
      try {
        return await this.#fetchFrom(new URL(address), index);
      } catch (error) {
        this.signal.throwIfAborted();
        if (isFinal(error)) throw error;
        failures.push({ address, error });
      }
    }
    throw summarize(failures);
  }

  async #fetchFrom(mirror: URL, index: number): Promise<void> {
    if (this.#lastMirror !== index) this.#changeMirror();
    this.#lastMirror = index;
    for (let restarts = 0;; restarts++) {
      try {
        return await new Lanes(this, mirror, this.signal).run();
      } catch (error) {
        if (!(error instanceof RestartError)) throw error;
        if (restarts === RESTARTS_MAX) throw error.cause;
        if (error.withoutRanges) this.ranges = false;
        this.#startOver();
      }
    }
  }

  #changeMirror(): void {
    const mayMix = (this.job.digest !== undefined || this.job.chunksKnown) && !this.job.unmixed;
    this.etag = undefined;
    this.ranges = undefined;
    if (!mayMix) this.#startOver();
  }

  #startOver(): void {
    this.map = undefined;
    this.etag = undefined;
    this.#begun = false;
    this.#resumed = false;
    this.streamedBytes = 0;
    this.hashedBytes = 0;
    this.#reportedFront = 0;
  }

  async #begin(totalBytes: number | undefined, etag: string | undefined): Promise<void> {
    await this.#announce({ totalBytes, recorded: [], fresh: true });
    const header = totalBytes === undefined ? undefined : this.#header(totalBytes, etag);
    this.deps.part.begin(header);
    if (totalBytes !== undefined) this.map = new ChunkMap(totalBytes);
  }

  async #announce(begin: TransferBegin): Promise<void> {
    this.#begun = true;
    await this.deps.hooks.begin(begin);
    this.signal.throwIfAborted();
  }

  #header(totalBytes: number, etag: string | undefined): JournalHeader {
    const { boot } = this.deps;
    return {
      version: 1,
      totalBytes,
      mirror: redactAddress(this.job.mirrors[this.#mirrorIndex] ?? ""),
      ...(etag === undefined ? {} : { etag }),
      ...(boot === undefined ? {} : { boot }),
    };
  }

  #isComplete(): boolean {
    return this.map?.complete ?? false;
  }

  #finish(): TransferOutcome {
    const totalBytes = this.map?.totalBytes ?? this.streamedBytes;
    if (this.job.sizeBytes !== undefined && totalBytes !== this.job.sizeBytes) {
      throw sizeMismatch(this.job.sizeBytes, totalBytes);
    }
    if (this.map === undefined) this.deps.part.setSize(totalBytes);
    this.#report(true);
    return {
      totalBytes,
      ...(chunkCount(totalBytes) <= 1 ? { digest: this.deps.part.digestSmall(totalBytes) } : {}),
      bytesFetched: this.#bytesFetched,
      chunksFetched: this.#chunksFetched,
      contributors: this.contributors,
      resumed: this.#resumed,
    };
  }

  #report(last: boolean): void {
    const { frontBytes } = this;
    const nowMs = this.deps.clock.monotonicMs();
    if (!last && frontBytes - this.#reportedFront < REPORT_BYTES && nowMs - this.#reportedMs < REPORT_MS) {
      return;
    }
    this.#reportedFront = frontBytes;
    this.#reportedMs = nowMs;
    this.deps.part.startFlushing(frontBytes);
    this.deps.hooks.report({
      frontBytes,
      bytesDone: this.map?.doneBytes ?? this.streamedBytes,
      bytesFetched: this.#bytesFetched,
      connections: this.connections,
      resumable: this.ranges,
    });
  }
}

function sizeMismatch(expected: number, actual: number): LarderError {
  return new LarderError(
    "SIZE_MISMATCH",
    `Cannot take this file: expected ${expected} bytes, the server has ${actual}`,
    {
      field: "size",
      hint: "Check the size and the digest, or name a mirror.",
      details: { expected_bytes: expected, actual_bytes: actual },
    },
  );
}
