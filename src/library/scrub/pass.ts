import {
  CHUNK_BYTES,
  chunkCount,
  chunkRange,
  DIGEST_BYTES,
  isLarderError,
  logger,
} from "../../core/index.ts";
import type { Clock, Digest } from "../../core/index.ts";
import type { BlobRow, Registry } from "../../registry/index.ts";
import type { BlobStore, VerifyOutcome } from "../../store/index.ts";
import type { Quarantine } from "../quarantine.ts";
import type { ScrubGate } from "./gate.ts";
import { type ScrubPlace, writePlace } from "./place.ts";

const PAGE = 50;
/** How often it is written down where we are. */
const WRITE_MS = 2_000;
/** However small the library and short the time after which a blob is due: between two passes is at least so much of that time. */
const PASS_GAP = 1 / 50;
const PASS_GAP_S_MIN = 1;

const log = logger("scrub");

export interface ScrubPassDeps {
  readonly registry: Registry;
  readonly store: Pick<BlobStore, "checkChunks" | "verify">;
  readonly quarantine: Pick<Quarantine, "takeOut">;
  readonly gate: ScrubGate;
  readonly place: ScrubPlace;
  readonly clock: Clock;
  readonly everyS: number;
  /** Told how many bytes were read. */
  readonly noteBytes: (bytes: number) => void;
  /** A pass begins. */
  readonly onBegin: () => void;
}

/** What decides whether a blob is due. Tables of chunks, which can be large, are not kept for as long as a page lasts. */
type Known = Pick<BlobRow, "digest" | "sizeBytes" | "state" | "verifiedAtS">;
type Verified = Pick<VerifyOutcome, "digest" | "chunkDigests" | "modifiedMs">;

/** Goes through all blobs in order of digest, chunk by chunk, and begins again when the first of them is due. */
export class ScrubPass {
  #page: Known[] = [];
  #verified: Verified[] = [];
  #writtenMs: number;
  /** Aborts when everything begins anew. */
  #lap = new AbortController();

  constructor(private readonly deps: ScrubPassDeps) {
    this.#writtenMs = deps.clock.monotonicMs();
  }

  /** Goes on for ever. @throws The signal's reason, or what the registry or the disk ends with. */
  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      const lap = this.#lap.signal;
      try {
        await this.#goOn(AbortSignal.any([signal, lap]));
      } catch (error) {
        if (signal.aborted || !lap.aborted) throw error;
      }
    }
  }

  /** Of what this pass has to go through. */
  get bytesDone(): number {
    const { bytesDone, within } = this.deps.place;
    return bytesDone + (within?.chunk ?? 0) * CHUNK_BYTES;
  }

  /** Begins at the first blob, now, with all that there is. */
  restart(): void {
    const { place, clock } = this.deps;
    this.#lap.abort();
    this.#lap = new AbortController();
    this.#rewind();
    Object.assign(place, { bytesDone: 0, passStartedAtS: clock.nowS(), wasAsked: true });
    this.deps.onBegin();
  }

  async #goOn(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.deps.gate.untilOpen(signal);
      this.#begin();
      const blob = this.#next();
      if (blob === "page") await this.#giveWay(signal);
      else if (blob === undefined) await this.#endPass();
      else await this.#look(blob, signal);
    }
  }

  #rewind(): void {
    Object.assign(this.deps.place, { after: "", within: null, oldestS: null });
    this.#page = [];
  }

  #begin(): void {
    const { place, clock, onBegin } = this.deps;
    if (place.passStartedAtS !== null) return;
    Object.assign(place, { passStartedAtS: clock.nowS(), bytesDone: 0 });
    onBegin();
  }

  /** Writes down where we are. */
  async write(options: { readonly durable: boolean }): Promise<void> {
    const verified = this.#verified;
    this.#verified = [];
    this.#writtenMs = this.deps.clock.monotonicMs();
    const { registry, clock, place } = this.deps;
    // The times first: what a crash leaves without them is read again, whatever the place says.
    if (verified.length > 0) await registry.setVerified(verified, clock.nowS(), { durable: false });
    await writePlace(registry, place, options);
  }

  /** The next blob that is due; "page" when a page held none, so that others have their turn; undefined at the end. */
  #next(): Known | "page" | undefined {
    const { place, registry } = this.deps;
    if (this.#page.length === 0) {
      this.#page = registry.blobsAfter(place.after, PAGE).map(({ chunkDigests: _, ...known }) => known);
      if (this.#page.length === 0) return undefined;
    }
    for (let row = this.#page.shift(); row !== undefined; row = this.#page.shift()) {
      if (this.#isDue(row)) return row;
      this.#passOver(row);
    }
    return "page";
  }

  #isDue({ state, verifiedAtS }: Known): boolean {
    if (state !== "intact") return false;
    const { place: { wasAsked, passStartedAtS }, clock, everyS } = this.deps;
    const sinceS = wasAsked ? passStartedAtS ?? 0 : clock.nowS() - everyS;
    return verifiedAtS === undefined || verifiedAtS <= sinceS;
  }

  #passOver({ digest, sizeBytes, state, verifiedAtS = 0 }: Known): void {
    if (state === "intact") this.#noteTime(verifiedAtS);
    this.#done(digest, state === "missing" ? 0 : sizeBytes);
  }

  #noteTime(verifiedAtS: number): void {
    const { place } = this.deps;
    place.oldestS = Math.min(place.oldestS ?? verifiedAtS, verifiedAtS);
  }

  #done(digest: Digest, bytes: number): void {
    const { place } = this.deps;
    place.after = digest;
    place.within = null;
    place.bytesDone += bytes;
  }

  /** A page may be hours old: what is known of the blob is asked anew. */
  async #look({ digest, sizeBytes }: Known, signal: AbortSignal): Promise<void> {
    const { registry, clock } = this.deps;
    const blob = registry.findBlob(digest);
    if (blob === undefined || blob.state !== "intact") return this.#done(digest, 0);
    const verified = hasTable(blob)
      ? await this.#readChunks(blob, signal)
      : await this.#readWhole(blob, signal);
    // Somebody may have had it begin anew: then this is not where it is any more.
    signal.throwIfAborted();
    if (verified !== undefined) {
      this.#verified.push(verified);
      this.#noteTime(clock.nowS());
    }
    this.#done(digest, sizeBytes);
    await this.#writeIfDue();
  }

  /** From the chunk on where an earlier process was, if the file is still the same. */
  async #readChunks(blob: BlobRow, signal: AbortSignal): Promise<Verified | undefined> {
    const { gate, store, place, noteBytes } = this.deps;
    const { digest, sizeBytes } = blob;
    const count = chunkCount(sizeBytes);
    if (place.within?.digest !== digest) place.within = null;
    for (let chunk = place.within?.chunk ?? 0; chunk < count;) {
      await gate.untilOpen(signal);
      const { start, end } = chunkRange(chunk, sizeBytes);
      await gate.pay(end - start, signal);
      const { isRight, modifiedMs = Number.NaN } = await store.checkChunks(
        blob,
        { first: chunk, end: chunk + 1 },
        signal,
      );
      noteBytes(end - start);
      if (!isRight) return await this.#lookClosely(digest, signal);
      const isSame = place.within === null || place.within.modifiedMs === modifiedMs;
      // What was read before the change says nothing any more.
      chunk = isSame ? chunk + 1 : 0;
      place.within = { digest, chunk, modifiedMs };
      await this.#writeIfDue();
    }
    const { modifiedMs } = place.within ?? {};
    return { digest, ...(modifiedMs === undefined ? {} : { modifiedMs }) };
  }

  /** Without the digests of its chunks it is read in one go, which is then paid for: a registry that was built again may know some so. */
  async #readWhole(blob: BlobRow, signal: AbortSignal): Promise<Verified | undefined> {
    const verified = await this.#lookClosely(blob.digest, signal);
    this.deps.noteBytes(blob.sizeBytes);
    await this.deps.gate.pay(blob.sizeBytes, signal);
    return verified;
  }

  /** Something is wrong, or there is nothing to compare with: now all of it is read, and what is damaged is taken out of use. */
  async #lookClosely(digest: Digest, signal: AbortSignal): Promise<Verified | undefined> {
    const { registry, store, quarantine } = this.deps;
    const blob = registry.findBlob(digest);
    if (blob === undefined || blob.state !== "intact") return undefined;
    const [outcome] = await store.verify([blob], { signal });
    if (outcome === undefined || outcome.state === "intact") return outcome;
    // Somebody is just removing it: the file goes first, the row follows.
    if (outcome.state === "missing" && !registry.isWanted(digest)) return undefined;
    log.warn("blob {digest} is {state}, chunks {chunks}", {
      digest,
      state: outcome.state,
      chunks: outcome.badChunks.slice(0, 20).join(" "),
    });
    try {
      await quarantine.takeOut(blob, outcome);
    } catch (error) {
      // It is being written again just now.
      if (!isLarderError(error, "BUSY")) throw error;
    }
    return undefined;
  }

  /** Many blobs in a row are only looked up. */
  async #giveWay(signal: AbortSignal): Promise<void> {
    await this.#writeIfDue();
    await this.deps.clock.sleep(0, signal);
  }

  async #endPass(): Promise<void> {
    const { place, clock, everyS } = this.deps;
    const nowS = clock.nowS();
    const gapS = Math.max(PASS_GAP_S_MIN, everyS * PASS_GAP);
    const nextPassAtS = Math.max(nowS + gapS, (place.oldestS ?? nowS) + everyS);
    this.#rewind();
    Object.assign(place, { passStartedAtS: null, lastPassAtS: nowS, nextPassAtS, wasAsked: false });
    await this.write({ durable: true });
  }

  async #writeIfDue(): Promise<void> {
    const isDue = this.deps.clock.monotonicMs() - this.#writtenMs >= WRITE_MS;
    if (isDue) await this.write({ durable: false });
  }
}

function hasTable({ sizeBytes, chunkDigests }: BlobRow): boolean {
  if (sizeBytes === 0) return false;
  return sizeBytes <= CHUNK_BYTES || chunkDigests?.byteLength === chunkCount(sizeBytes) * DIGEST_BYTES;
}
