import { LRUCache } from "lru-cache";
import type { Clock } from "../core/index.ts";

const ORIGINS_MAX = 1000;
const PENALTY_MS = 10 * 60 * 1000;

/** Remembers for a while which origins sent wrong bytes: they are asked last. */
export class MirrorScores {
  readonly #penalisedUntilMs = new LRUCache<string, number>({ max: ORIGINS_MAX });

  constructor(private readonly clock: Clock) {}

  penalise(address: string): void {
    this.#penalisedUntilMs.set(new URL(address).origin, this.clock.monotonicMs() + PENALTY_MS);
  }

  /** The same addresses, those of penalised origins last. */
  order(addresses: readonly string[]): string[] {
    const nowMs = this.clock.monotonicMs();
    const isBad = (address: string) => (this.#penalisedUntilMs.get(new URL(address).origin) ?? 0) > nowMs;
    return [...addresses.filter((address) => !isBad(address)), ...addresses.filter(isBad)];
  }
}
