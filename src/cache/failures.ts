import { LRUCache } from "lru-cache";
import type { Backoff, LarderError } from "../core/index.ts";
import { modelFailed, modelSetAside, reasonOf } from "./cache-errors.ts";
import type { FailedModel } from "./types.ts";

const REMEMBERED_MAX = 1000;

interface Failure {
  readonly error: unknown;
  readonly failures: number;
  readonly crashes: number;
  readonly failedAtMs: number;
  readonly refusedUntilMs: number;
}

export interface FailureLimits {
  readonly failureBackoff: Backoff;
  readonly crashLimit: number;
  readonly forgiveS: number;
}

/**
 * Which models failed, and for how long each is refused. A load that works does not wipe the slate clean: a model that goes up and
 * down is refused for longer each time, until it has been well for `forgiveS`.
 */
export class Failures {
  readonly #byId = new LRUCache<string, Failure>({ max: REMEMBERED_MAX });

  constructor(private readonly limits: () => FailureLimits) {}

  /** @returns How many crashes it has had. */
  add(
    id: string,
    nowMs: number,
    { error, isCrash }: { readonly error: unknown; readonly isCrash: boolean },
  ): number {
    const { failureBackoff: { baseMs, maxMs }, forgiveS } = this.limits();
    const known = this.#byId.get(id);
    const before = known && nowMs - known.failedAtMs < forgiveS * 1000 ? known : undefined;
    const failures = (before?.failures ?? 0) + 1;
    const crashes = (before?.crashes ?? 0) + (isCrash ? 1 : 0);
    const refusedUntilMs = nowMs + Math.min(maxMs, baseMs * 2 ** (failures - 1));
    this.#byId.set(id, { error, failures, crashes, failedAtMs: nowMs, refusedUntilMs });
    return crashes;
  }

  /** Why a model is not tried now, if so. */
  refusal(id: string, nowMs: number): LarderError | undefined {
    const failure = this.#byId.get(id);
    if (failure === undefined) return undefined;
    if (this.#isSetAside(failure)) return modelSetAside(id, failure);
    const leftMs = failure.refusedUntilMs - nowMs;
    return leftMs > 0 ? modelFailed(id, failure, leftMs) : undefined;
  }

  forgive(id?: string): void {
    if (id === undefined) this.#byId.clear();
    else this.#byId.delete(id);
  }

  list(nowMs: number): FailedModel[] {
    return [...this.#byId.entries()].map(([key, failure]) => ({
      key,
      reason: reasonOf(failure.error),
      failures: failure.failures,
      crashes: failure.crashes,
      refused_for_s: Math.max(0, failure.refusedUntilMs - nowMs) / 1000,
      set_aside: this.#isSetAside(failure),
    }));
  }

  #isSetAside({ crashes }: Failure): boolean {
    return crashes >= this.limits().crashLimit;
  }
}
