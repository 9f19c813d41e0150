import { CHUNK_BYTES, chunkCount, chunkRange, type Digest, redactAddress } from "../core/index.ts";
import { readCopy } from "./chunk-copy.ts";
import { ChunkMap } from "./chunk-map.ts";
import { RestartError, type RestartReason, sizeMismatch, upstreamChanged } from "./failures.ts";
import type { JournalHeader } from "./journal.ts";
import { type LaneHost, Lanes } from "./lanes.ts";
import { askMirrors, type TriesFor } from "./mirror-rounds.ts";
import type { TransferPart } from "./part-file.ts";
import type { Offer } from "./response-check.ts";
import { decidesByDigest, findResumePoint } from "./resume.ts";
import type { TransferJob, TransferOutcome } from "./transfer-protocol.ts";
import type { ChunkCopy } from "./types.ts";

/** Front bytes, or time, between two reports. */
const REPORT_BYTES = 4 * 1024 * 1024;
const REPORT_MS = 50;
/** How much of a chunk may be written without a note in the journal. */
const NOTE_BYTES = 512 * 1024;
/** Starts from zero that one mirror may cause by sending another file, or by showing that its ranges are of no use. */
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

export type TransferDeps = LaneHost["deps"] & {
  readonly part: TransferPart;
  /** Digest of the kernel's boot id, where there is one. */
  readonly boot: Digest | undefined;
  readonly hooks: TransferHooks;
};

/** Brings one part to completeness: from its journal, from local chunks, then from mirror after mirror. */
export class Transfer implements LaneHost {
  map: ChunkMap | undefined;
  etag: string | undefined;
  ranges: boolean | undefined;
  connections = 0;
  hashedBytes = 0;
  /** Position in a body whose length nobody said. */
  #streamedBytes = 0;
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

  get frontBytes(): number {
    return this.map?.frontBytes ?? this.#streamedBytes;
  }

  async run(): Promise<TransferOutcome> {
    if (!this.job.fresh) await this.#resume();
    await this.#copyChunks();
    if (this.map?.complete !== true) await this.#fetchFromMirrors();
    return await this.#finish();
  }

  /** Progress of the follower: noted in the journal, if the length is known and there is one, and the brake of the lanes. */
  noteHashed(index: number, digest: Digest): void {
    this.hashedBytes = Math.max(this.hashedBytes, (index + 1) * CHUNK_BYTES);
    if (this.map !== undefined) this.deps.part.noteHashed(index, digest);
  }

  /** Called by a lane with checked headers, before it takes bytes. */
  async accept(offer: Offer): Promise<void> {
    const { sizeBytes } = this.job;
    const totalBytes = offer.totalBytes ?? sizeBytes;
    if (sizeBytes !== undefined && totalBytes !== sizeBytes) {
      throw sizeMismatch(sizeBytes, totalBytes ?? "more");
    }
    if (this.map !== undefined && totalBytes !== undefined && totalBytes !== this.map.totalBytes) {
      throw upstreamChanged("the file has another length than before");
    }
    // A tag of another mirror says nothing; the digest decides there.
    if (this.etag !== undefined && this.#begun && offer.etag !== this.etag) {
      throw upstreamChanged("the file has another tag than before");
    }
    this.#refuseUnjoinable(offer);
    if (this.ranges !== false && offer.ranges !== undefined) this.ranges = offer.ranges;
    if (!this.#begun) await this.#begin(totalBytes, offer.etag);
    this.etag = offer.etag;
  }

  take(bytes: Uint8Array, position: number): void {
    const end = position + bytes.byteLength;
    this.deps.part.write(bytes, position);
    this.#bytesFetched += bytes.byteLength;
    this.#contributors.add(this.#mirrorIndex);
    if (this.map === undefined) this.#streamedBytes = end;
    else {
      for (const index of this.map.advance(position, end)) {
        this.deps.part.noteWritten(index);
        this.#chunksFetched++;
      }
      this.#noteBegun(position, end);
    }
    this.#report(false);
  }

  /** With neither digest nor strong tag nobody would see that two ranges are of two files. */
  #refuseUnjoinable({ etag, start, end, totalBytes }: Offer): void {
    const isAlone = end === undefined || (start === 0 && end === totalBytes);
    if (etag !== undefined || isAlone || decidesByDigest(this.job)) return;
    const { cause } = upstreamChanged("the server's ranges cannot be told to be of one file");
    throw new RestartError("unjoinable", cause, true);
  }

  #noteBegun(start: number, end: number): void {
    if (Math.floor(start / NOTE_BYTES) === Math.floor(end / NOTE_BYTES)) return;
    const index = Math.floor(end / CHUNK_BYTES);
    if (this.map?.isDone(index) === false) this.deps.part.noteBegun(index, end - index * CHUNK_BYTES);
  }

  async #resume(): Promise<void> {
    const { part, boot } = this.deps;
    const journal = part.readJournal();
    const point = journal && findResumePoint(journal, this.job, boot, part.sizeBytes());
    if (point === undefined || journal === undefined) return;
    const { map, etag, recorded } = point;
    await this.#announce({ totalBytes: map.totalBytes, recorded, fresh: false });
    part.setSize(map.totalBytes);
    part.goOn(journal, boot);
    this.map = map;
    this.etag = etag;
    this.#resumed = map.doneBytes > 0;
    this.#lastMirror = 0;
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

  #copyChunk(copy: ChunkCopy, sizeBytes: number): void {
    const bytes = readCopy(copy, chunkRange(copy.index, sizeBytes));
    if (bytes === undefined) return;
    this.deps.part.write(bytes, copy.index * CHUNK_BYTES);
    this.map?.markDone(copy.index);
    this.deps.part.noteWritten(copy.index);
    this.#resumed = true;
  }

  async #fetchFromMirrors(): Promise<void> {
    const { job, deps, signal } = this;
    const ask = async (address: string, index: number, triesFor: TriesFor) => {
      this.#mirrorIndex = index;
      if (this.#lastMirror !== index) this.#changeMirror();
      this.#lastMirror = index;
      await this.#fetchFrom(new URL(address), triesFor);
    };
    const { tries } = deps.tuning;
    await askMirrors(job.mirrors, ask, { tries, signal, mayLeave: () => this.#mayMix() || !this.#begun });
  }

  async #fetchFrom(mirror: URL, triesFor: TriesFor): Promise<void> {
    const restarts = { changed: 0, unjoinable: 0, cut: 0 } satisfies Record<RestartReason, number>;
    for (;;) {
      try {
        return await new Lanes(this, mirror, triesFor, this.signal).run();
      } catch (error) {
        if (!(error instanceof RestartError)) throw error;
        const most = error.reason === "cut" ? triesFor(error.cause) - 1 : RESTARTS_MAX;
        if (++restarts[error.reason] > most) throw error.cause;
        if (error.withoutRanges) this.ranges = false;
        this.#startOver();
      }
    }
  }

  #changeMirror(): void {
    this.etag = undefined;
    this.ranges = undefined;
    if (!this.#mayMix()) this.#startOver();
  }

  #mayMix(): boolean {
    return decidesByDigest(this.job) && !this.job.unmixed;
  }

  #startOver(): void {
    this.map = undefined;
    this.etag = undefined;
    this.#begun = false;
    this.#resumed = false;
    this.#streamedBytes = 0;
    this.hashedBytes = 0;
    this.#reportedFront = 0;
  }

  async #begin(totalBytes: number | undefined, etag: string | undefined): Promise<void> {
    await this.#announce({ totalBytes, recorded: [], fresh: true });
    this.deps.part.begin(totalBytes === undefined ? undefined : this.#header(totalBytes, etag));
    if (totalBytes !== undefined) this.map = new ChunkMap(totalBytes);
  }

  async #announce(begin: TransferBegin): Promise<void> {
    this.signal.throwIfAborted();
    await this.deps.hooks.begin(begin);
    this.signal.throwIfAborted();
    this.#begun = true;
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

  async #finish(): Promise<TransferOutcome> {
    const totalBytes = this.map?.totalBytes ?? this.#streamedBytes;
    const { sizeBytes, gitOid } = this.job;
    if (this.map?.complete === false) throw new Error("the transfer ended before its file was whole");
    if (sizeBytes !== undefined && totalBytes !== sizeBytes) throw sizeMismatch(sizeBytes, totalBytes);
    if (this.map === undefined) this.deps.part.setSize(totalBytes);
    this.#report(true);
    return {
      totalBytes,
      ...(chunkCount(totalBytes) <= 1 ? { digest: this.deps.part.digestSmall(totalBytes) } : {}),
      ...(gitOid === undefined ? {} : { gitOid: await this.deps.part.gitOid(totalBytes, this.signal) }),
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
      bytesDone: this.map?.doneBytes ?? this.#streamedBytes,
      bytesFetched: this.#bytesFetched,
      connections: this.connections,
      resumable: this.ranges,
    });
  }
}
