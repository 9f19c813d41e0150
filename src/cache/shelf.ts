import { type Clock, formatModelRef } from "../core/index.ts";
import type { Desk, Entry } from "./entry.ts";
import { createPolicy, type EvictionPolicy, type PolicyName } from "./policies/index.ts";
import { Residents } from "./residents.ts";
import { add, chooseVictims, fits, type Holding, type Load, planRoom, type RoomPlan, sum } from "./room.ts";
import type { CacheSettings, EvictionReason, ModelCare, ModelKey, Unloading } from "./types.ts";

/** A load that has room already, or wants some. */
export interface Claim<M> {
  readonly id: string;
  readonly estimatedBytes: number;
  /** The load itself has begun: it takes memory. */
  readonly startedMs: number | undefined;
  readonly takesOver: boolean;
  readonly replaced: ReadonlySet<Entry<M>>;
}

export interface ShelfDeps<M> {
  readonly desk: Desk<M>;
  readonly clock: Clock;
  readonly settings: () => CacheSettings;
  readonly bytesMax: (heldBytes: number) => number;
  readonly careOf: (key: ModelKey) => ModelCare;
  /** Loads that have room. */
  readonly claims: () => Iterable<Claim<M>>;
  readonly dispose: (entry: Entry<M>) => Promise<void>;
  readonly onFreed: () => void;
  readonly onTakenOut: (entry: Entry<M>, reason: EvictionReason) => void;
  readonly onReplaced: (old: Entry<M>, successor: Entry<M>) => void;
}

/** Evictions by the policy's choice. */
const CHOSEN: ReadonlySet<EvictionReason> = new Set<EvictionReason>(["room", "limits"]);

/** The models in memory within their bounds: who is here, who goes next, who may come. */
export class Shelf<M> {
  readonly residents: Residents<M>;
  readonly #pins = new Set<string>();
  #policy: EvictionPolicy;
  #bytesMax = 0;
  #isOver = false;
  /** How many were here when bytes ran out; undefined while only the count was ever the limit. */
  #countWhenFull: number | undefined;

  constructor(private readonly deps: ShelfDeps<M>) {
    this.residents = new Residents(deps);
    this.#policy = this.#createPolicy(deps.settings().policy);
  }

  get policy(): EvictionPolicy {
    return this.#policy;
  }

  get bytesMax(): number {
    return this.#bytesMax;
  }

  get heldBytes(): number {
    return sum(this.residents.loaded).bytes + sum(this.residents.leaving).bytes;
  }

  /** Models in use keep it above its bounds. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** With all that is on its way in. */
  get isWithin(): boolean {
    return fits(this.#all(), this.#most());
  }

  get pins(): ReadonlySet<string> {
    return this.#pins;
  }

  get idle(): Entry<M>[] {
    return [...this.residents.loaded].filter(({ leases, pinned }) => leases === 0 && !pinned);
  }

  /** Reads the clock and the bound. */
  refresh(): void {
    this.deps.desk.nowMs = this.deps.clock.monotonicMs();
    this.#bytesMax = this.deps.bytesMax(this.heldBytes);
  }

  /** The new policy starts with what is known of the models that are here. */
  setPolicy(name: PolicyName): void {
    this.#policy = this.#createPolicy(name);
    for (const entry of this.residents.loaded) this.#policy.added(entry);
  }

  pin(key: ModelKey): void {
    this.#pins.add(formatModelRef(key));
    const entry = this.residents.find(key);
    if (entry !== undefined) entry.pinned = true;
  }

  unpin(key: ModelKey): void {
    this.#pins.delete(formatModelRef(key));
    const entry = this.residents.find(key);
    if (entry !== undefined) entry.pinned = false;
  }

  /** Whoever waited for it has a lease already: the policy sees how many asked. One with the same key has to make way. */
  put(entry: Entry<M>): void {
    const former = this.residents.find(entry.key);
    if (former !== undefined) this.swap(former, entry);
    entry.pinned = this.#pins.has(entry.id);
    this.residents.add(entry);
    this.#policy.added(entry);
  }

  /** From here on nobody finds the old one; its pin passes on. */
  swap(old: Entry<M>, successor: Entry<M>): void {
    if (old.state !== "loaded" || old === successor) return;
    if (this.#pins.delete(old.id)) {
      this.#pins.add(successor.id);
      successor.pinned = true;
    }
    this.takeOut(old, "replaced");
    this.deps.onReplaced(old, successor);
  }

  takeOut(entry: Entry<M>, reason: EvictionReason): Unloading {
    if (entry.state !== "loaded") return this.residents.takeOut(entry);
    this.#policy.removed(entry, CHOSEN.has(reason));
    const unloading = this.residents.takeOut(entry);
    this.deps.onTakenOut(entry, reason);
    return unloading;
  }

  plan(claim: Claim<M>): RoomPlan<Entry<M>> {
    const stays = (entry: Entry<M>) => entry.pinned || claim.replaced.has(entry);
    const holding: Holding<Entry<M>> = {
      most: this.#most(),
      all: this.#all(),
      fixed: sum([...this.residents.loaded].filter(stays)),
      idle: this.idle.filter((entry) => !stays(entry)),
    };
    return planRoom(needOf(claim), holding, (idle) => this.order(idle, claim.id));
  }

  makeRoom(victims: readonly Entry<M>[]): void {
    if (victims.length === 0) return;
    const { loaded } = this.residents;
    this.#countWhenFull = loaded.size < this.deps.settings().countMax ? loaded.size : undefined;
    for (const victim of victims) this.takeOut(victim, "room");
  }

  /** Back within the bounds, as far as models that are not in use allow. */
  trim(): void {
    const [all, most] = [this.#all(), this.#most()];
    this.#isOver = !fits(all, most);
    if (!this.#isOver) return;
    for (const victim of chooseVictims(all, most, this.order(this.idle))) this.takeOut(victim, "limits");
    this.#isOver = !fits(this.#all(), most);
  }

  /** Takes out what has not been used for long, or is over its time. */
  takeOutStale(): void {
    const { nowMs } = this.deps.desk;
    for (const entry of this.idle) {
      const { keepAliveS = this.deps.settings().keepAliveS } = this.deps.careOf(entry.key);
      if (this.#policy.isExpired(entry, nowMs)) this.takeOut(entry, "expired");
      else if (keepAliveS !== null && nowMs - entry.usedAtMs >= keepAliveS * 1000) {
        this.takeOut(entry, "idle");
      }
    }
  }

  /** The first to go first: by weight, and as the policy says among those of one weight. */
  order(idle: readonly Entry<M>[], incoming?: string): Entry<M>[] {
    const inOrder = this.#policy.order(idle, this.deps.desk.nowMs, incoming);
    const weights = new Map(inOrder.map((entry) => [entry, this.#weightOf(entry)]));
    return inOrder.sort((a, b) => (weights.get(a) ?? 1) - (weights.get(b) ?? 1));
  }

  /** Where it stands among those that could go, for people. */
  reason(entry: Entry<M>, nowMs: number): string {
    const weight = this.#weightOf(entry);
    const reason = this.#policy.reason(entry, nowMs);
    return weight === 1 ? reason : `weight ${weight}; ${reason}`;
  }

  /** False while memory that was promised to a load is still being given back. */
  isFreeFor(claim: Claim<M>): boolean {
    if (![...this.residents.leaving].some(({ state }) => state === "closing")) return true;
    const started = [...this.deps.claims()].filter(({ startedMs }) => startedMs !== undefined);
    const taken = started.reduce((bytes, { estimatedBytes }) => bytes + estimatedBytes, this.heldBytes);
    return taken + claim.estimatedBytes <= this.#bytesMax;
  }

  #weightOf({ key }: Entry<M>): number {
    return this.deps.careOf(key).weight ?? 1;
  }

  #most(): Load {
    return { count: this.deps.settings().countMax, bytes: this.#bytesMax };
  }

  /** What is closing is as good as gone: a load that needs its memory waits for that. */
  #all(): Load {
    const draining = [...this.residents.leaving].filter(({ state }) => state === "draining");
    const here = add(sum(this.residents.loaded), { count: 0, bytes: sum(draining).bytes });
    return [...this.deps.claims()].map(needOf).reduce(add, here);
  }

  #createPolicy(name: PolicyName): EvictionPolicy {
    return createPolicy(name, {
      ttlMs: () => this.deps.settings().ttlS * 1000,
      capacity: () => Math.max(1, this.#countWhenFull ?? this.deps.settings().countMax),
    });
  }
}

function needOf({ takesOver, estimatedBytes }: Claim<unknown>): Load {
  return { count: takesOver ? 0 : 1, bytes: estimatedBytes };
}
