import type { CacheStats, ModelKey } from "../../cache/index.ts";
import {
  type Clock,
  type Digest,
  formatModelRef,
  isLarderError,
  KeyedQueue,
  logger,
} from "../../core/index.ts";
import type { Registry } from "../../registry/index.ts";
import type { BlobStore, Reservation } from "../../store/index.ts";
import type { DiskBudgetSettings, DiskExplanation, EvictedVariant } from "../budget-types.ts";
import { fitsDisk } from "../fits.ts";
import { freeBlobs, type FreeBlobsDeps } from "../free-blobs.ts";
import type { VersionWriter } from "../version-writer.ts";
import { type DiskLimits, diskLimits, type DiskUse, diskUse, excessBytes } from "./disk-use.ts";
import { storedFacts } from "./facts.ts";
import { fetchTimes } from "./fetch-times.ts";
import { FreedSpace } from "./freed-space.ts";
import { type Arrival, keeping, keepWatched } from "./keeping.ts";
import { noRoom } from "./no-room.ts";
import { diskOrder, type StoredVariant } from "./order.ts";
import { type EvictionPlan, planEviction } from "./plan.ts";

/** Beyond so many the last of the order are not looked at. */
const VARIANTS_MAX = 100_000;
/** Of a list in an explanation. */
const LISTED_MAX = 100;
/** Plans that are made anew because somebody began to use a victim of the one before. */
const PLANS_MAX = 4;
/** How long nothing is swept again for an excess: what a killed process left is there once. */
const SWEEP_PAUSE_MS = 3_600_000;
/** How long a reservation waits for space that was freed for it. */
const GIVEN_BACK_MS = 10_000;
const LOOK_AGAIN_MS = 100;

const log = logger("budget");

export interface DiskBudgetDeps {
  readonly registry:
    & FreeBlobsDeps["registry"]
    & Pick<Registry, "stats" | "listAccess" | "listPinned" | "listPulls" | "findVersion" | "namesOf">;
  readonly store:
    & FreeBlobsDeps["store"]
    & Pick<BlobStore, "space" | "parts" | "reserve" | "isPinned">;
  readonly versions: Pick<VersionWriter, "removeVariant">;
  readonly memory: () => CacheStats;
  /** What running pulls are about: variants, and digests of the files that they want. */
  readonly pulling: () => {
    readonly variants: readonly ModelKey[];
    readonly digests: ReadonlySet<Digest>;
  };
  /** Versions whose files a user keeps in a folder that is watched: they are here because they are there. */
  readonly watched: () => readonly Arrival[];
  /** Deletes what nothing points to; the first thing to go. */
  readonly sweep: () => Promise<unknown>;
  readonly isThere: (path: string, sizeBytes: number) => boolean;
  readonly clock: Clock;
  /** Told of each variant that left. */
  readonly onEvicted: (evicted: EvictedVariant) => void;
}

interface Look {
  readonly use: DiskUse;
  readonly limits: DiskLimits;
  readonly excess: number;
}

/**
 * Keeps the home within what it may take of the disk: variants that nobody uses leave it, one at a time, in the order of a policy.
 * Without limits it does nothing.
 */
export class DiskBudget {
  /** Whoever needs room waits for its turn: two that saw the same room must not both take it. */
  readonly #turns = new KeyedQueue();
  #settings: DiskBudgetSettings;
  #totalBytes = 0;
  readonly #freed = new FreedSpace();
  #sweptMs = -Infinity;

  constructor(private readonly deps: DiskBudgetDeps, settings: DiskBudgetSettings) {
    this.#settings = settings;
  }

  get settings(): DiskBudgetSettings {
    return this.#settings;
  }

  configure(changes: Partial<DiskBudgetSettings>): DiskBudgetSettings {
    this.#settings = { ...this.#settings, ...changes };
    return this.#settings;
  }

  /** In bytes of the file system as it was last looked at; undefined without a budget. */
  get budgetBytes(): number | undefined {
    return diskLimits(this.#settings, this.#totalBytes)?.budgetBytes;
  }

  /** True when some limit is set. */
  get isOn(): boolean {
    return diskLimits(this.#settings, 0) !== undefined;
  }

  /** Whether bytes have room, or would have it after the leaving of others. */
  async fits(bytes: number): Promise<boolean> {
    if (!this.isOn) return await fitsDisk(this.deps, bytes);
    const { excess } = await this.#look(bytes);
    return excess === 0 || this.#plan(excess).freedBytes >= excess;
  }

  /** Makes room for bytes that will come. Nobody goes when there would not be enough all the same. @throws {LarderError} NO_SPACE */
  async makeRoom(bytes: number): Promise<void> {
    if (!this.isOn) return;
    await this.#turns.run("", () => this.#makeRoom(bytes));
  }

  /** Makes room for bytes, and promises it. @throws {LarderError} NO_SPACE, NO_INODES, READONLY. */
  async reserve(bytes: number): Promise<Reservation> {
    if (!this.isOn) return await this.deps.store.reserve(bytes);
    return await this.#turns.run("", async () => {
      await this.#makeRoom(bytes);
      return await this.#reserveSoon(bytes);
    });
  }

  /**
   * Brings the home back within its limits, as far as that can be done.
   *
   * @param options.sweptBytes What is as good as gone already, in a dry run.
   * @returns Who left, or in a dry run would leave.
   */
  async enforce(
    { dryRun = false, sweptBytes = 0, arrived = [] }: {
      readonly dryRun?: boolean;
      readonly sweptBytes?: number;
      readonly arrived?: readonly Arrival[];
    } = {},
  ): Promise<readonly EvictedVariant[]> {
    if (!this.isOn) return [];
    return await this.#turns.run("", async () => {
      const { excess } = await this.#look(-sweptBytes);
      if (excess === 0) return [];
      if (dryRun) return this.#plan(excess, arrived).victims;
      await this.#sweepOnce();
      const { use, excess: left } = await this.#look(0);
      const plan = this.#plan(left, arrived);
      if (plan.freedBytes < left) {
        log.warn("{bytes} bytes too many are on the disk, and nobody may leave it for them", {
          bytes: left - plan.freedBytes,
        });
      }
      return await this.#evict(plan, use, arrived);
    });
  }

  async explain(): Promise<DiskExplanation> {
    const use = await diskUse(this.deps);
    const limits = diskLimits(this.#settings, use.totalBytes);
    const excess = limits === undefined ? 0 : excessBytes(use, limits, 0);
    const plan = limits === undefined ? undefined : this.#plan(excess);
    return {
      budget_bytes: limits?.budgetBytes ?? null,
      used_bytes: use.usedBytes,
      reserved_bytes: use.reservedBytes,
      free_bytes: use.freeBytes,
      free_min_bytes: limits?.freeMinBytes ?? 0,
      policy: this.#settings.policy,
      excess_bytes: excess,
      victims: plan?.victims ?? [],
      next: plan?.next ?? [],
      kept: plan?.kept.slice(0, LISTED_MAX) ?? [],
    };
  }

  /** Resolves when nobody is being evicted any more. */
  async close(): Promise<void> {
    await this.#turns.run("", () => Promise.resolve());
  }

  async #makeRoom(bytes: number): Promise<void> {
    for (let plans = 0; plans < PLANS_MAX; plans++) {
      if ((await this.#look(bytes)).excess === 0) return;
      await this.#sweepOnce();
      const { use, limits, excess } = await this.#look(bytes);
      if (excess === 0) return;
      const plan = this.#plan(excess);
      if (plan.freedBytes < excess) {
        const { kept, freedBytes: freeableBytes } = plan;
        throw noRoom({ neededBytes: bytes, freeableBytes, use, limits, kept });
      }
      if ((await this.#evict(plan, use)).length === plan.victims.length) return;
    }
  }

  /** Bytes that were deleted may come back a little later. */
  async #reserveSoon(bytes: number): Promise<Reservation> {
    const { store, clock } = this.deps;
    const untilMs = clock.monotonicMs() + GIVEN_BACK_MS;
    for (;;) {
      try {
        return await store.reserve(bytes);
      } catch (error) {
        const isLate = clock.monotonicMs() >= untilMs || (await this.#look(bytes)).excess > 0;
        if (isLate || !isLarderError(error, "NO_SPACE")) throw error;
        await clock.sleep(LOOK_AGAIN_MS);
      }
    }
  }

  async #look(neededBytes: number): Promise<Look> {
    const use = this.#freed.seen(await diskUse(this.deps), this.deps.clock.monotonicMs());
    this.#totalBytes = use.totalBytes;
    const limits = diskLimits(this.#settings, use.totalBytes) ?? { budgetBytes: undefined, freeMinBytes: 0 };
    return { use, limits, excess: excessBytes(use, limits, neededBytes) };
  }

  #plan(excess: number, arrived: readonly Arrival[] = []): EvictionPlan {
    const { registry, clock } = this.deps;
    const order = diskOrder(this.#settings.policy, clock.nowS());
    return planEviction(order.sort(this.#variants()), excess, {
      ...storedFacts({ registry, isThere: this.deps.isThere }),
      keepReason: keepWatched(this.deps.watched(), this.#useReason(arrived)),
      isHeld: this.#isHeld(),
      reason: (variant) => order.reason(variant),
    });
  }

  #variants(): StoredVariant[] {
    const { registry } = this.deps;
    const { policy } = this.#settings;
    const rows = registry.listAccess({ order: policy === "cost" ? "oldest" : policy, limit: VARIANTS_MAX });
    const fetchMs = policy === "cost" ? fetchTimes(registry) : () => 0;
    return rows.map((row) => ({ ...row, fetchMs: fetchMs(row) }));
  }

  #useReason(arrived: readonly Arrival[]): (variant: ModelKey) => string | undefined {
    const { registry, memory, pulling } = this.deps;
    return keeping({
      pinned: registry.listPinned(),
      memory: memory(),
      pulled: pulling().variants,
      arrived,
    });
  }

  #isHeld(): (digest: Digest) => boolean {
    const { digests } = this.deps.pulling();
    return (digest) => digests.has(digest) || this.deps.store.isPinned(digest);
  }

  /** One after the other, each only when it may still go. */
  async #evict(
    plan: EvictionPlan,
    before: DiskUse,
    arrived: readonly Arrival[] = [],
  ): Promise<EvictedVariant[]> {
    const gone: EvictedVariant[] = [];
    let freedBytes = 0;
    for (const victim of plan.victims) {
      const mayGo = () => this.#useReason(arrived)(victim) === undefined;
      const orphans = await this.deps.versions.removeVariant(victim, mayGo);
      if (orphans === undefined) continue;
      const evicted = { ...victim, bytes: await freeBlobs(this.deps, orphans) };
      gone.push(evicted);
      freedBytes += evicted.bytes;
      this.#freed.note(before, freedBytes, this.deps.clock.monotonicMs());
      this.deps.onEvicted(evicted);
      const { bytes, reason, ...key } = evicted;
      log.info("{model} left the disk: {reason}; {bytes} bytes", {
        model: formatModelRef(key),
        reason,
        bytes,
      });
    }
    return gone;
  }

  async #sweepOnce(): Promise<void> {
    const nowMs = this.deps.clock.monotonicMs();
    if (nowMs - this.#sweptMs < SWEEP_PAUSE_MS) return;
    this.#sweptMs = nowMs;
    try {
      await this.deps.sweep();
    } catch (error) {
      // What nothing points to is only the first thing to go.
      if (!isLarderError(error)) throw error;
      log.warn("Cannot sweep: {error}", { error: error.message });
    }
  }
}
