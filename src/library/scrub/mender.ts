import {
  type Clock,
  type Digest,
  isLarderError,
  type LarderError,
  logger,
  untilAborted,
} from "../../core/index.ts";
import type { BlobRow, Registry } from "../../registry/index.ts";
import type { Repair } from "../repair.ts";
import type { LostBlobView } from "../scrub-types.ts";

/** More than these are not told of, nor repaired at once. */
export const LOST_MAX = 100;
const USED_BY_MAX = 10;
/** Of one blob in one pass; each try is several for the download already. */
const TRIES_MAX = 6;
const PAUSE_MS = 30_000;
const PAUSE_FACTOR = 4;
const PAUSE_MS_MAX = 6 * 3600_000;

const log = logger("scrub");

export interface MenderDeps {
  readonly registry: Pick<Registry, "findBlob" | "lostBlobs" | "namesOf">;
  readonly repair: Pick<Repair, "blob">;
  readonly clock: Clock;
  /** False: what is bad stays so for now. */
  readonly mayMend: () => boolean;
}

interface Tried {
  tries: number;
  /** By the monotonic clock; undefined when it is given up. */
  nextAtMs: number | undefined;
  error: LarderError;
}

/** Repairs what is known to be damaged or missing from where it came, a few times each and with growing pauses. */
export class Mender {
  readonly #tried = new Map<Digest, Tried>();
  #woken = Promise.withResolvers<void>();

  constructor(private readonly deps: MenderDeps) {}

  /** Goes on for ever. @throws The signal's reason, or a bug. */
  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      const woken = this.#woken.promise;
      if (this.deps.mayMend()) await this.#mendAll(signal);
      await this.#rest(woken, signal);
    }
  }

  /** Something was found, or may be mended now. */
  wake(): void {
    this.#woken.resolve();
    this.#woken = Promise.withResolvers();
  }

  /** What was given up is tried again. */
  tryAgain(): void {
    this.#tried.clear();
    this.wake();
  }

  list(): LostBlobView[] {
    const { registry, clock } = this.deps;
    return registry.lostBlobs(LOST_MAX).map(({ digest, sizeBytes, state }): LostBlobView => {
      const { tries = 0, nextAtMs, error } = this.#tried.get(digest) ?? {};
      const inS = nextAtMs === undefined ? undefined : (nextAtMs - clock.monotonicMs()) / 1000;
      return {
        sha256: digest,
        size_bytes: sizeBytes,
        state: state === "missing" ? "missing" : "damaged",
        used_by: registry.namesOf(digest, USED_BY_MAX).map((name) =>
          `${name.model}@${name.version}/${name.path}`
        ),
        tries,
        next_try_at: inS === undefined ? null : clock.nowS() + Math.max(0, inS),
        error: error?.toRecord() ?? null,
      };
    });
  }

  async #mendAll(signal: AbortSignal): Promise<void> {
    const lost = this.deps.registry.lostBlobs(LOST_MAX);
    const digests = new Set(lost.map(({ digest }) => digest));
    for (const digest of this.#tried.keys()) if (!digests.has(digest)) this.#tried.delete(digest);
    for (const blob of lost) if (this.#isDue(blob.digest)) await this.#mend(blob, signal);
  }

  #isDue(digest: Digest): boolean {
    const tried = this.#tried.get(digest);
    if (tried === undefined) return true;
    return tried.nextAtMs !== undefined && tried.nextAtMs <= this.deps.clock.monotonicMs();
  }

  async #mend(blob: BlobRow, signal: AbortSignal): Promise<void> {
    const { digest } = blob;
    // Whoever asked for it may have had it repaired meanwhile.
    if (this.deps.registry.findBlob(digest)?.state === "intact") return;
    try {
      const { chunksFetched, bytesFetched } = await this.deps.repair.blob(blob, signal);
      this.#tried.delete(digest);
      log.info("blob {digest} is whole again: {chunks} chunks, {bytes} bytes fetched", {
        ...{ digest, chunks: chunksFetched, bytes: bytesFetched },
      });
    } catch (error) {
      signal.throwIfAborted();
      if (!isLarderError(error)) throw error;
      this.#noteFailure(digest, error);
    }
  }

  #noteFailure(digest: Digest, error: LarderError): void {
    const tries = (this.#tried.get(digest)?.tries ?? 0) + 1;
    const pauseMs = Math.min(PAUSE_MS_MAX, PAUSE_MS * PAUSE_FACTOR ** (tries - 1));
    const nextAtMs = error.retryable && tries < TRIES_MAX
      ? this.deps.clock.monotonicMs() + pauseMs
      : undefined;
    this.#tried.set(digest, { tries, nextAtMs, error });
    log.warn("cannot repair {digest}, try {tries}: {error}", { digest, tries, error: error.message });
  }

  /** Until the next one is due, or somebody wakes it. */
  async #rest(woken: Promise<void>, signal: AbortSignal): Promise<void> {
    const dueMs = Math.min(...[...this.#tried.values()].map(({ nextAtMs = Infinity }) => nextAtMs));
    if (dueMs === Infinity || !this.deps.mayMend()) return await untilAborted(woken, signal);
    const over = new AbortController();
    const slept = this.deps.clock.sleep(Math.max(0, dueMs - this.deps.clock.monotonicMs()), over.signal)
      .catch(() => {});
    try {
      await untilAborted(Promise.race([woken, slept]), signal);
    } finally {
      over.abort();
    }
  }
}
