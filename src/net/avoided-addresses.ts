import type { Clock } from "../core/index.ts";

const AVOID_MS = 60_000;
const ENTRIES_MAX = 256;

/** Remembers for a while which addresses gave no connection, so that not every request waits for a dead one first. */
export class AvoidedAddresses {
  readonly #until = new Map<string, number>();

  constructor(private readonly clock: Clock) {}

  add(address: string): void {
    this.#until.delete(address);
    this.#until.set(address, this.clock.monotonicMs() + AVOID_MS);
    const [oldest] = this.#until.keys();
    if (this.#until.size > ENTRIES_MAX && oldest !== undefined) this.#until.delete(oldest);
  }

  /** The same addresses, those to avoid at the end. */
  last(addresses: readonly string[]): string[] {
    const now = this.clock.monotonicMs();
    const avoided = (address: string) => (this.#until.get(address) ?? 0) > now;
    return [...addresses.filter((one) => !avoided(one)), ...addresses.filter(avoided)];
  }
}
