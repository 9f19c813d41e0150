import { formatModelRef, type LarderError } from "../core/index.ts";
import type { Candidate } from "./policies/index.ts";
import type { Lease, Loaded, ModelKey } from "./types.ts";

/** What entries share with their cache. Read and written on every lease: plain fields. */
export interface Desk<M> {
  /** By the clock that never goes back, renewed every second: reading the clock would cost more than the rest of a lease. */
  nowMs: number;
  /** Grows with every use and every load. */
  order: number;
  becameIdle(entry: Entry<M>): void;
}

/** A model in memory and who uses it. */
export class Entry<M> implements Candidate {
  readonly id: string;
  readonly loadOrder: number;
  readonly loadedAtMs: number;
  bytes: number;
  leases = 0;
  uses = 0;
  useOrder: number;
  usedAtMs: number;
  rank = 0;
  pinned = false;
  state: "loaded" | "draining" | "closing" = "loaded";
  reloadError: LarderError | undefined;
  /** Resolves when its memory is given back. */
  readonly gone = Promise.withResolvers<void>();

  constructor(
    readonly key: ModelKey,
    readonly loaded: Loaded<M>,
    readonly measured: {
      readonly estimatedBytes: number;
      readonly loadMs: number;
      readonly loadedAtS: number;
    },
    private readonly desk: Desk<M>,
  ) {
    this.id = formatModelRef(key);
    this.bytes = loaded.bytes;
    this.loadOrder = this.useOrder = ++desk.order;
    this.loadedAtMs = this.usedAtMs = desk.nowMs;
  }

  get loadMs(): number {
    return this.measured.loadMs;
  }

  lease(): Lease<M> {
    this.leases++;
    this.uses++;
    this.useOrder = ++this.desk.order;
    return new EntryLease(this);
  }

  /** Keeps it from being evicted without counting as a use. */
  hold(): void {
    this.leases++;
  }

  /** Nobody has asked for it: it counts as used before all that somebody asked for, and what was loaded first as used last. */
  noteUnasked(): void {
    this.useOrder = -this.loadOrder;
  }

  /** The same as a lease. */
  leaseUnused(): Lease<M> {
    this.hold();
    return new EntryLease(this);
  }

  release(): void {
    if (--this.leases > 0) return;
    this.usedAtMs = this.desk.nowMs;
    this.desk.becameIdle(this);
  }
}

class EntryLease<M> implements Lease<M> {
  readonly key: ModelKey;
  readonly model: M;
  #entry: Entry<M> | undefined;

  constructor(entry: Entry<M>) {
    this.key = entry.key;
    this.model = entry.loaded.model;
    this.#entry = entry;
  }

  release(): void {
    const entry = this.#entry;
    if (entry === undefined) return;
    this.#entry = undefined;
    entry.release();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
