import { backoffMs, type ByteRange, CHUNK_BYTES, isLarderError, type LarderError } from "../core/index.ts";
import type { NetRequest, NetResponse } from "../net/index.ts";
import { BodyReader } from "./body-reader.ts";
import { lengthUnknown, RestartError, sizeMismatch, truncated, upstreamChanged } from "./failures.ts";
import type { LaneHost } from "./lanes.ts";
import type { TriesFor } from "./mirror-rounds.ts";
import { checkResponse, type Offer } from "./response-check.ts";
import { decidesByDigest } from "./resume.ts";

/** Bytes that one request asks for of a file that comes over several connections. */
const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;
const SEGMENT_BYTES_MIN = 2 * CHUNK_BYTES;
/** Asked for first when the length is not known: small files come at once, and of long ones enough is left for other connections. */
const FIRST_BYTES = 16 * 1024 * 1024;
/** Shorter files are not worth a second connection. */
export const PARALLEL_BYTES_MIN = 64 * 1024 * 1024;
/** An attempt that brought this much was not in vain: the tries count anew. */
const PROGRESS_BYTES = 1024 * 1024;
/** Shortest pause between two tries. */
const PAUSE_MS_MIN = 10;

/** One connection at a time: claims bytes, fetches them, tries again with a growing pause. */
export class Lane {
  /** Where the mirror sent us: asked directly until it refuses, so that a signed address is used for more than one range. */
  #resolved: URL | undefined;
  #taken = 0;

  constructor(
    private readonly host: LaneHost,
    private readonly mirror: URL,
    private readonly triesFor: TriesFor,
    /** Asked before each range after the first; true means: leave. */
    private readonly isSurplus: () => boolean,
    private readonly signal: AbortSignal,
  ) {}

  /** Until nothing is left to claim. */
  async run(): Promise<void> {
    let failedTries = 0;
    for (let claim = this.#claim(); claim !== undefined; claim = this.#claim()) {
      const takenBefore = this.#taken;
      try {
        await this.#fetch(claim);
        failedTries = 0;
        // A stream whose length nobody said has come to its end.
        if (this.host.map === undefined) return;
      } catch (error) {
        this.signal.throwIfAborted();
        if (this.#taken - takenBefore >= PROGRESS_BYTES) failedTries = 0;
        await this.#pauseAfter(error, ++failedTries);
      }
    }
  }

  #claim(): ByteRange | undefined {
    const { map, job, connections, deps } = this.host;
    if (map === undefined) return { start: 0, end: this.#segmentBytes(job.sizeBytes, job.sizeBytes) };
    if (deps.connectionLimit.spare() < 0 && connections > 1) return undefined;
    if (this.#taken > 0 && this.isSurplus()) return undefined;
    return map.claim(this.#segmentBytes(map.totalBytes, map.unclaimedBytes));
  }

  /** Smaller pieces towards the end let all connections finish together. */
  #segmentBytes(totalBytes: number | undefined, leftBytes: number | undefined): number {
    if (totalBytes === undefined || leftBytes === undefined) return FIRST_BYTES;
    if (this.host.ranges === false || totalBytes < PARALLEL_BYTES_MIN) return totalBytes;
    const share = leftBytes / (2 * this.host.deps.connectionLimit.most());
    return Math.floor(Math.max(SEGMENT_BYTES_MIN, Math.min(SEGMENT_BYTES_MAX, share)));
  }

  /** Rethrows what another try cannot mend. */
  async #pauseAfter(error: unknown, failedTries: number): Promise<void> {
    const { tuning, clock } = this.host.deps;
    if (this.#mayHaveExpired(error)) return;
    if (!isLarderError(error) || !error.retryable || failedTries >= this.triesFor(error)) throw error;
    const waitMs = error.retryAfterS === undefined
      ? backoffMs(failedTries - 1, { baseMs: tuning.backoffBaseMs, maxMs: tuning.backoffMaxMs })
      : error.retryAfterS * 1000;
    await clock.sleep(Math.max(waitMs, PAUSE_MS_MIN), this.signal);
    if (this.host.ranges === false && this.host.frontBytes > 0) throw new RestartError("cut", error, true);
  }

  /** A signed address may just have run out: the mirror is asked for a new one before that counts as its refusal. */
  #mayHaveExpired(error: unknown): boolean {
    if (this.#resolved === undefined || error instanceof RestartError) return false;
    this.#resolved = undefined;
    return isLarderError(error) && !error.retryable && error.code.startsWith("UPSTREAM_");
  }

  async #fetch(claim: ByteRange): Promise<void> {
    const body = new BodyReader(this.host.deps, this.signal);
    let held = claim;
    try {
      const asked = this.#rangeFor(claim);
      const response = await this.#request(body, asked);
      const offer = this.#check(response, asked, claim);
      this.#keepResolved(response.url);
      await this.host.accept(offer);
      const end = this.#endOf(offer, claim);
      // What was asked for before the length was known must not be claimed by another lane.
      held = { start: claim.start, end: Math.max(claim.end, end) };
      this.host.map?.hold(held);
      await this.#read(body, offer, end);
    } finally {
      await body.close();
      this.host.map?.release(held);
    }
  }

  async #request(body: BodyReader, asked: ByteRange | undefined): Promise<NetResponse> {
    const url = this.#resolved ?? this.mirror;
    const headers = this.#headers(asked);
    return await body.request(url, { headers, ...this.#proofFor(url) });
  }

  #proofFor({ origin }: URL): Pick<NetRequest, "originHeaders"> {
    const { credential } = this.host.job;
    if (credential?.origin !== origin) return {};
    return { originHeaders: { authorization: credential.authorization } };
  }

  /** An address where the credential would be sent may be one that somebody else chose: only the mirror's own leads there with it. */
  #keepResolved(url: URL): void {
    const isProtected = url.origin === this.host.job.credential?.origin;
    if (url.href !== this.mirror.href && !isProtected) this.#resolved = url;
  }

  /** Undefined to ask for the whole: known to be short, or from a server without ranges. */
  #rangeFor(claim: ByteRange): ByteRange | undefined {
    const { ranges, job, map } = this.host;
    const wholeBytes = map?.totalBytes ?? job.sizeBytes;
    const isShort = claim.start === 0 && claim.end === wholeBytes && claim.end <= CHUNK_BYTES;
    return ranges === false || isShort ? undefined : claim;
  }

  #headers(asked: ByteRange | undefined): Record<string, string> {
    if (asked === undefined) return {};
    const { etag } = this.host;
    return {
      range: `bytes=${asked.start}-${asked.end - 1}`,
      ...(etag !== undefined && asked.start > 0 ? { "if-range": etag } : {}),
    };
  }

  #check(response: NetResponse, asked: ByteRange | undefined, claim: ByteRange): Offer {
    const offer = this.#checkedOffer(response, asked);
    if (offer.end === undefined && claim.start > 0) {
      const isSame = this.host.etag !== undefined && offer.etag === this.host.etag;
      throw isSame
        ? upstreamChanged("the server has no ranges", true)
        : upstreamChanged("the server sent the whole file instead of the rest");
    }
    if (offer.end !== undefined && offer.start !== claim.start && offer.totalBytes !== 0) {
      throw upstreamChanged("the server's file ends before what is there", claim.start === 0);
    }
    const isPinned = this.host.job.sizeBytes !== undefined && decidesByDigest(this.host.job);
    if (offer.endsByClose && !isPinned) throw lengthUnknown();
    return offer;
  }

  #checkedOffer(response: NetResponse, asked: ByteRange | undefined): Offer {
    try {
      return checkResponse(response, asked, this.host.deps.clock.nowS());
    } catch (error) {
      if (isLarderError(error, "RANGE_MISMATCH")) throw new RestartError("changed", error, true);
      throw error;
    }
  }

  /** Where this answer has to end; Infinity when nobody said. */
  #endOf(offer: Offer, claim: ByteRange): number {
    const totalBytes = this.host.map?.totalBytes ?? Infinity;
    return offer.end === undefined ? totalBytes : Math.min(offer.end, claim.end, totalBytes);
  }

  async #read(body: BodyReader, offer: Offer, end: number): Promise<void> {
    let position = offer.start;
    while (position < end) {
      const bytes = await body.read();
      if (bytes === undefined) break;
      const room = end - position;
      // Bytes beyond a range are dropped; beyond a whole file they show that it is another one.
      if (bytes.byteLength > room && offer.end === undefined) throw sizeMismatch(end, "more");
      const wanted = bytes.byteLength > room ? bytes.subarray(0, room) : bytes;
      this.host.take(wanted, position);
      position += wanted.byteLength;
      this.#taken += wanted.byteLength;
    }
    if (end === Infinity) return;
    if (position < end) throw endedEarly(offer, position, end);
    // Also lets the connection be used for the next request.
    const more = await body.read();
    if (more !== undefined && offer.end === undefined) throw sizeMismatch(end, "more");
  }
}

/** A body that says where it ends and ends early is another file; any other one was cut. */
function endedEarly(offer: Offer, position: number, end: number): LarderError {
  const saidItsEnd = offer.end === undefined && offer.totalBytes === undefined && !offer.endsByClose;
  return saidItsEnd ? sizeMismatch(end, position) : truncated(position, end);
}
