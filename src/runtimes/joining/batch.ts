import { leftByCaller } from "../leavable.ts";
import type { TensorResult, TensorRun } from "../types.ts";
import type { Share } from "./shares.ts";

/** What is joined is copied once more: requests of more bytes than these together gain nothing by it. */
const BYTES_MAX = 64 * 2 ** 20;

/** A caller's run in a batch. */
export class Member {
  readonly begun = Promise.withResolvers<void>();
  readonly answered = Promise.withResolvers<TensorResult>();

  /** @param share Undefined for a run that cannot be joined with any other. */
  constructor(readonly run: TensorRun, readonly share: Share | undefined) {
    // Its caller may have left.
    this.answered.promise.catch(() => {});
  }
}

/** Runs that wait for their turn together. */
export class Batch {
  readonly #members = new Set<Member>();
  readonly #closed = new AbortController();
  readonly #deserted = new AbortController();
  #rows = 0;
  #bytes = 0;

  constructor(private readonly rowsMax: number) {}

  /** Aborts when nobody can enter any more: it is full, it has begun, or all have left. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** Aborts when all have left before it began. */
  get deserted(): AbortSignal {
    return this.#deserted.signal;
  }

  hasRoomFor({ rows, bytes }: Share): boolean {
    return this.#rows + rows <= this.rowsMax && this.#bytes + bytes <= BYTES_MAX;
  }

  /** Resolves when it begins. @throws {LarderError} CANCELLED when the caller leaves before. */
  async enter(member: Member, signal: AbortSignal | undefined): Promise<void> {
    this.#members.add(member);
    this.#count(member.share, 1);
    if (this.#rows >= this.rowsMax) this.close();
    const leave = () => this.#leave(member);
    signal?.addEventListener("abort", leave, { once: true });
    try {
      await member.begun.promise;
    } finally {
      signal?.removeEventListener("abort", leave);
    }
  }

  close(): void {
    this.#closed.abort();
  }

  /** @returns Those who have not left. */
  begin(): Member[] {
    this.close();
    const members = [...this.#members];
    this.#members.clear();
    for (const { begun } of members) begun.resolve();
    return members;
  }

  #leave(member: Member): void {
    if (!this.#members.delete(member)) return;
    this.#count(member.share, -1);
    member.begun.reject(leftByCaller());
    if (this.#members.size > 0) return;
    this.close();
    this.#deserted.abort();
  }

  #count(share: Share | undefined, sign: 1 | -1): void {
    this.#rows += sign * (share?.rows ?? 0);
    this.#bytes += sign * (share?.bytes ?? 0);
  }
}
