import { type Clock, type Digest, isLarderError, LarderError, logger, SingleFlight } from "../core/index.ts";
import type { BlobRow, Registry } from "../registry/index.ts";
import type { BlobStore, OpenedBlob } from "../store/index.ts";
import type { Quarantine } from "./quarantine.ts";
import type { Repair } from "./repair.ts";

const RETRY_AFTER_S = 5;
/** A file that nobody has read through for so long is, before it is loaded, where that takes no time to speak of. */
const TRUSTED_S = 30 * 86_400;
const QUICK_BYTES = 256 * 1024 * 1024;
const log = logger("files");

export interface SoundnessDeps {
  readonly registry: Pick<Registry, "findBlob" | "setVerified">;
  readonly store: Pick<BlobStore, "open" | "verify">;
  readonly quarantine: Pick<Quarantine, "takeOut">;
  readonly repair: Pick<Repair, "blob">;
  readonly clock: Clock;
  /** How long somebody waits for bytes to be read through and repaired; both go on meanwhile. */
  readonly waitMs: number;
  /** Ends what goes on in the background when the library closes. */
  readonly signal: AbortSignal;
}

/**
 * Gives bytes to whoever needs them only as they were when they were last seen to be right. That is cheap to tell: the file has its
 * length and the time of change that was noted then. Where one of them differs the bytes are compared with their digests, and what is
 * bad is fetched again. Rot that leaves the time alone is for the scrub to find, and, in small files that were not verified for
 * {@link TRUSTED_S}, for {@link ensure}.
 */
export class Soundness {
  readonly #checking = new SingleFlight<Digest, void>();

  constructor(private readonly deps: SoundnessDeps) {}

  /**
   * For bytes that are loaded, or mapped by somebody who cannot be told of damage later.
   *
   * @throws {LarderError} BLOB_MISSING, BLOB_DAMAGED with the failure of the repair in `details`; BLOB_REPAIRING when that takes long.
   */
  async ensure(digests: Iterable<Digest>): Promise<void> {
    for (const digest of new Set(digests)) {
      if (this.#isTrusted(digest)) continue;
      await this.#waitFor(digest).catch((error: unknown) => {
        throw isLarderError(error) && error.code !== "BLOB_REPAIRING" ? this.#unusable(digest, error) : error;
      });
    }
  }

  /**
   * A blob that is not as it was when it was last seen to be right, opened when it is again.
   *
   * @throws {LarderError} BLOB_MISSING, BLOB_REPAIRING, or what the repair ends with.
   */
  async mend(digest: Digest): Promise<OpenedBlob> {
    const known = this.deps.registry.findBlob(digest);
    if (known?.state !== "intact" || !this.#isAsNoted(known)) await this.#waitFor(digest);
    const blob = this.deps.registry.findBlob(digest);
    if (blob === undefined) throw missing(digest);
    return this.deps.store.open(digest, blob.sizeBytes);
  }

  #isTrusted(digest: Digest): boolean {
    const blob = this.deps.registry.findBlob(digest);
    if (blob?.state !== "intact" || !this.#isAsNoted(blob)) return false;
    const { verifiedAtS = 0, sizeBytes } = blob;
    return sizeBytes > QUICK_BYTES || this.deps.clock.nowS() - verifiedAtS < TRUSTED_S;
  }

  /** Where nobody noted a time, as in a registry that was built again, the length has to do. */
  #isAsNoted({ digest, sizeBytes, modifiedMs }: BlobRow): boolean {
    try {
      const opened = this.deps.store.open(digest, sizeBytes);
      return modifiedMs === undefined || opened.modifiedMs === modifiedMs;
    } catch (error) {
      if (isLarderError(error, "BLOB_MISSING") || isLarderError(error, "BLOB_DAMAGED")) return false;
      throw error;
    }
  }

  async #waitFor(digest: Digest): Promise<void> {
    const checking = this.#checking.run(digest, () => this.#makeSound(digest));
    checking.catch((error: unknown) =>
      log.warn("cannot repair {digest}: {error}", { digest, error: String(error) })
    );
    const over = new AbortController();
    const waited = this.deps.clock.sleep(this.deps.waitMs, over.signal).then(
      () => "waiting" as const,
      () => undefined,
    );
    try {
      if (await Promise.race([checking, waited]) === "waiting") throw repairing(digest);
    } finally {
      over.abort();
    }
  }

  async #makeSound(digest: Digest): Promise<void> {
    const { registry, repair, signal } = this.deps;
    const known = registry.findBlob(digest);
    if (known === undefined) throw missing(digest);
    if (known.state === "intact" && await this.#isRight(known)) return;
    const blob = registry.findBlob(digest);
    if (blob !== undefined && blob.state !== "intact") await repair.blob(blob, signal);
  }

  /** What is not right is out of use when this says so. */
  async #isRight(blob: BlobRow): Promise<boolean> {
    const { registry, store, quarantine, clock, signal } = this.deps;
    const [outcome] = await store.verify([blob], { signal });
    if (outcome === undefined) return false;
    if (outcome.state === "intact") {
      await registry.setVerified([outcome], clock.nowS(), { durable: false });
      return true;
    }
    await quarantine.takeOut(blob, outcome);
    return false;
  }

  #unusable(digest: Digest, cause: LarderError): LarderError {
    const isMissing = this.deps.registry.findBlob(digest)?.state !== "damaged";
    const what = isMissing ? "missing" : "damaged";
    return new LarderError(
      isMissing ? "BLOB_MISSING" : "BLOB_DAMAGED",
      `Cannot use blob ${digest}: it is ${what}, and repairing it failed: ${cause.message}`,
      {
        retryable: cause.retryable,
        hint: cause.hint ?? "Run `larder repair`, or pull the model again.",
        details: { digest, repair: cause.code },
        cause,
      },
    );
  }
}

function repairing(digest: Digest): LarderError {
  return new LarderError("BLOB_REPAIRING", `Cannot use blob ${digest} yet: it is being checked or repaired`, {
    retryable: true,
    retryAfterS: RETRY_AFTER_S,
    hint: "Try again in a few seconds.",
  });
}

function missing(digest: Digest): LarderError {
  return new LarderError("BLOB_MISSING", `Cannot find blob ${digest}`, {
    hint: "Run `larder repair`, or pull the model again.",
  });
}
