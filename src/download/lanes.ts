import { backoffMs, type ByteRange, CHUNK_BYTES, isLarderError, LarderError } from "../core/index.ts";
import type { NetResponse } from "../net/index.ts";
import { BodyReader, type BodyReaderDeps } from "./body-reader.ts";
import type { ChunkMap } from "./chunk-map.ts";
import { isFinal, RestartError } from "./failures.ts";
import { checkResponse, type Offer } from "./response-check.ts";
import type { TransferJob } from "./transfer-protocol.ts";

/** Most bytes that one request asks for. */
const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;
const SEGMENT_BYTES_MIN = 2 * CHUNK_BYTES;
/** Shorter files are not worth a second connection. */
const PARALLEL_BYTES_MIN = 64 * 1024 * 1024;
/** How often a further connection is considered. */
const RAMP_MS = 100;
/** While hashing is further behind than this, the network is not what limits us. */
const HASH_LAG_BYTES_MAX = 4 * CHUNK_BYTES;

/** What lanes share: the state of one transfer. */
export interface LaneHost {
  readonly job: TransferJob;
  readonly deps: BodyReaderDeps;
  readonly map: ChunkMap | undefined;
  /** Strong tag of the bytes so far, of the mirror in use. */
  readonly etag: string | undefined;
  /** False once the mirror showed that it has no ranges. */
  readonly ranges: boolean | undefined;
  readonly frontBytes: number;
  readonly hashedBytes: number;
  connections: number;
  accept(offer: Offer): Promise<void>;
  take(bytes: Uint8Array, position: number): void;
}

/** Several connections to one mirror that share the missing bytes of a file, first bytes first. */
export class Lanes {
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #running = new Set<Promise<void>>();
  #failure: unknown;
  #rampClosed = false;

  constructor(private readonly host: LaneHost, private readonly mirror: URL, signal: AbortSignal) {
    this.#signal = AbortSignal.any([signal, this.#stop.signal]);
  }

  /** Resolves when all bytes are written; throws the first failure that ended the work. */
  async run(): Promise<void> {
    const ramp = setInterval(() => this.#addIfUseful(), RAMP_MS);
    try {
      this.#add();
      while (this.#running.size > 0) await Promise.race(this.#running);
    } finally {
      clearInterval(ramp);
    }
    if (this.#failure !== undefined && this.host.map?.complete !== true) throw this.#failure;
  }

  #add(): void {
    const lane = this.#lane().catch((error: unknown) => this.#fail(error)).finally(() =>
      this.#running.delete(lane)
    );
    this.#running.add(lane);
  }

  #addIfUseful(): void {
    const { map, job, ranges, frontBytes, hashedBytes } = this.host;
    const useful = !this.#rampClosed && ranges === true && map !== undefined &&
      map.totalBytes >= PARALLEL_BYTES_MIN &&
      this.#running.size < job.connections && frontBytes - hashedBytes <= HASH_LAG_BYTES_MAX &&
      map.unclaimedBytes > 0;
    if (useful) this.#add();
  }

  #fail(error: unknown): void {
    this.#rampClosed = true;
    const endsAll = error instanceof RestartError || isFinal(error) || this.#running.size === 1;
    if (this.#failure === undefined || endsAll) this.#failure = error;
    if (endsAll) this.#stop.abort(error);
  }

  async #lane(): Promise<void> {
    const lane = new Lane(this.host, this.mirror, this.#signal);
    this.host.connections++;
    try {
      await lane.run();
    } finally {
      this.host.connections--;
    }
  }
}

/** One connection at a time: claims bytes, fetches them, tries again with a growing pause. */
class Lane {
  /** Where the mirror sent us: asked directly until it refuses, so that a signed address is used for more than one range. */
  #resolved: URL | undefined;

  constructor(
    private readonly host: LaneHost,
    private readonly mirror: URL,
    private readonly signal: AbortSignal,
  ) {}

  async run(): Promise<void> {
    let failedTries = 0;
    for (let claim = this.#claim(); claim !== undefined; claim = this.#claim()) {
      const frontBefore = this.host.map?.doneBytes ?? 0;
      try {
        await this.#fetch(claim);
        failedTries = 0;
      } catch (error) {
        this.signal.throwIfAborted();
        if ((this.host.map?.doneBytes ?? 0) - frontBefore >= CHUNK_BYTES) failedTries = 0;
        await this.#pauseAfter(error, ++failedTries);
      } finally {
        this.host.map?.release(claim);
      }
      if (this.host.map === undefined) return;
    }
  }

  #claim(): ByteRange | undefined {
    const { map, job, ranges } = this.host;
    if (map === undefined) return { start: 0, end: Math.min(SEGMENT_BYTES_MAX, job.sizeBytes ?? Infinity) };
    if (ranges === false) return map.complete ? undefined : map.claim(Infinity);
    // Smaller pieces towards the end let all connections finish together.
    const share = map.unclaimedBytes / (2 * job.connections);
    return map.claim(Math.max(SEGMENT_BYTES_MIN, Math.min(SEGMENT_BYTES_MAX, share)));
  }

  /** Rethrows what another try cannot mend. */
  async #pauseAfter(error: unknown, failedTries: number): Promise<void> {
    const { tuning, clock } = this.host.deps;
    if (this.#resolved !== undefined && !(error instanceof RestartError)) {
      // A signed address may just have expired: ask the mirror for a new one before this counts as its refusal.
      this.#resolved = undefined;
      if (isLarderError(error) && !error.retryable && error.code.startsWith("UPSTREAM_")) return;
    }
    if (!isLarderError(error) || !error.retryable || failedTries >= tuning.tries) throw error;
    if (this.host.ranges === false && this.host.frontBytes > 0) {
      throw new RestartError("UPSTREAM_CHANGED", "the connection ended and the server has no ranges", true);
    }
    const waitMs = error.retryAfterS === undefined
      ? backoffMs(failedTries - 1, { baseMs: tuning.backoffBaseMs, maxMs: tuning.backoffMaxMs })
      : error.retryAfterS * 1000;
    await clock.sleep(Math.max(waitMs, 10), this.signal);
  }

  async #fetch(claim: ByteRange): Promise<void> {
    const body = new BodyReader(this.host.deps, this.signal);
    try {
      const asked = this.#rangeFor(claim);
      const response = await body.request(this.#resolved ?? this.mirror, this.#headers(asked));
      const offer = await this.#check(response, asked, claim);
      if (response.url.href !== this.mirror.href) this.#resolved = response.url;
      await this.host.accept(offer);
      await this.#read(body, offer, claim);
    } finally {
      await body.close();
    }
  }

  /** Undefined to ask for the whole: known to be small, or from a server without ranges. */
  #rangeFor(claim: ByteRange): ByteRange | undefined {
    const { ranges, job, map } = this.host;
    const wholeBytes = map?.totalBytes ?? job.sizeBytes;
    const isWhole = claim.start === 0 && claim.end === wholeBytes && claim.end < SEGMENT_BYTES_MAX;
    return ranges === false || isWhole ? undefined : claim;
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
    if (asked !== undefined && !offer.ranges && claim.start > 0) {
      const same = this.host.etag !== undefined && offer.etag === this.host.etag;
      throw new RestartError(
        "UPSTREAM_CHANGED",
        same ? "the server has no ranges" : "the server sent the whole file instead of the rest",
        same,
      );
    }
    if (offer.ranges && offer.start !== claim.start && offer.totalBytes !== 0) {
      throw new RestartError("RANGE_MISMATCH", "the server's file ends before what is there");
    }
    const { sizeBytes, digest } = this.host.job;
    const closesAtEnd = offer.totalBytes === undefined && response.headers.get("transfer-encoding") === null;
    if (closesAtEnd && (sizeBytes === undefined || digest === undefined)) throw lengthUnknown();
    return offer;
  }

  #checkedOffer(response: NetResponse, asked: ByteRange | undefined): Offer {
    try {
      return checkResponse(response, asked, this.host.deps.clock.nowS());
    } catch (error) {
      if (isLarderError(error, "RANGE_MISMATCH")) {
        throw new RestartError("RANGE_MISMATCH", error.message, true);
      }
      throw error;
    }
  }

  async #read(body: BodyReader, offer: Offer, claim: ByteRange): Promise<void> {
    const end = this.#endOf(offer, claim);
    let position = offer.start;
    while (position < end) {
      const bytes = await body.read();
      if (bytes === undefined) break;
      const room = end - position;
      // Bytes beyond a range are dropped; beyond a whole file they show that it is another one.
      if (bytes.byteLength > room && !offer.ranges) throw tooLong(end);
      this.host.take(bytes.byteLength > room ? bytes.subarray(0, room) : bytes, position);
      position += bytes.byteLength;
    }
    if (end !== Infinity && position < end) throw truncated(position, end);
    if (
      offer.ranges === false && offer.totalBytes === undefined && end !== Infinity &&
      await body.read() !== undefined
    ) {
      throw tooLong(end);
    }
  }

  #endOf(offer: Offer, claim: ByteRange): number {
    const totalBytes = this.host.map?.totalBytes ?? Infinity;
    return offer.ranges ? Math.min(claim.end, totalBytes) : totalBytes;
  }
}

function truncated(position: number, end: number): LarderError {
  return new LarderError(
    "UPSTREAM_TRUNCATED",
    `Cannot read on: the connection ended ${end - position} bytes early`,
    {
      retryable: true,
      hint: "Try again; what was fetched is kept.",
    },
  );
}

function tooLong(expectedBytes: number): LarderError {
  return new LarderError(
    "SIZE_MISMATCH",
    `Cannot take this file: the server sends more than the expected ${expectedBytes} bytes`,
    {
      field: "size",
      hint: "Check the size and the digest, or name a mirror.",
    },
  );
}

function lengthUnknown(): LarderError {
  return new LarderError(
    "LENGTH_UNKNOWN",
    "Cannot tell a cut from the end: the server says neither length nor end of this file",
    {
      hint: "Give both sha256 and size, or name a mirror that sends Content-Length.",
    },
  );
}
