import { CHUNK_BYTES } from "../core/index.ts";
import type { BodyReaderDeps } from "./body-reader.ts";
import type { ChunkMap } from "./chunk-map.ts";
import { isFinal, RestartError } from "./failures.ts";
import { Lane, PARALLEL_BYTES_MIN } from "./lane.ts";
import type { TriesFor } from "./mirror-rounds.ts";
import { Ramp } from "./ramp.ts";
import type { Offer } from "./response-check.ts";
import type { TransferJob } from "./transfer-protocol.ts";

/** How often a further connection is considered. */
const RAMP_MS = 50;
/** While hashing is further behind than this, the network is not what limits us. */
const HASH_LAG_BYTES_MAX = 4 * CHUNK_BYTES;

/** The limit of connections, shared with other transfers. May change while they run. */
export interface ConnectionLimit {
  most(): number;
  /** How many more may be opened now; negative when the limit was lowered. */
  spare(): number;
}

/** What lanes share: the state of one transfer. */
export interface LaneHost {
  readonly job: TransferJob;
  readonly deps: BodyReaderDeps & { readonly connectionLimit: ConnectionLimit };
  readonly map: ChunkMap | undefined;
  /** Strong tag of the bytes so far, of the mirror in use. */
  readonly etag: string | undefined;
  /** False once the mirror showed that it has no ranges; undefined while nobody asked for one. */
  readonly ranges: boolean | undefined;
  readonly frontBytes: number;
  readonly hashedBytes: number;
  readonly bytesFetched: number;
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
  readonly #ramp = new Ramp();
  #rampClosed = false;
  /** Lanes that are to leave when their range is there. */
  #surplus = 0;

  constructor(
    private readonly host: LaneHost,
    private readonly mirror: URL,
    private readonly triesFor: TriesFor,
    signal: AbortSignal,
  ) {
    this.#signal = AbortSignal.any([signal, this.#stop.signal]);
  }

  /** Resolves when all bytes are written; throws the first failure that ended the work. Nothing is written afterwards. */
  async run(): Promise<void> {
    const ramp = setInterval(() => this.#adjust(), RAMP_MS);
    let doneBefore: number | undefined;
    try {
      do {
        doneBefore = this.host.map?.doneBytes;
        this.#add();
        while (this.#running.size > 0) await Promise.race(this.#running);
        // Lanes that left together when the limit was lowered leave something to do.
      } while (
        this.#failure === undefined && this.host.map?.complete === false &&
        this.host.map.doneBytes !== doneBefore
      );
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

  #adjust(): void {
    const { map, deps, ranges, frontBytes, hashedBytes, bytesFetched } = this.host;
    const mayAdd = !this.#rampClosed && ranges === true && map !== undefined &&
      map.totalBytes >= PARALLEL_BYTES_MIN && deps.connectionLimit.spare() > 0 &&
      frontBytes - hashedBytes <= HASH_LAG_BYTES_MAX && map.unclaimedBytes > 0;
    const advice = this.#ramp.look(bytesFetched, mayAdd);
    if (advice === "add") this.#add();
    if (advice === "alone") this.#surplus = this.#running.size - 1;
  }

  #fail(error: unknown): void {
    this.#rampClosed = true;
    const endsAll = error instanceof RestartError || isFinal(error) || this.#running.size === 1;
    if (this.#failure === undefined || endsAll) this.#failure = error;
    if (endsAll) this.#stop.abort(error);
  }

  /** True for a lane that has to leave. */
  #takeSurplus(): boolean {
    if (this.#surplus === 0 || this.#running.size === 1) return false;
    this.#surplus--;
    return true;
  }

  async #lane(): Promise<void> {
    this.host.connections++;
    try {
      await new Lane(this.host, this.mirror, this.triesFor, () => this.#takeSurplus(), this.#signal).run();
    } finally {
      this.host.connections--;
    }
  }
}
