import { LarderError } from "../../core/index.ts";
import type { Registry } from "../../registry/index.ts";

const SETTING = "listing_ttl_seconds";
const DEFAULT_S = 300;
const [MIN_S, MAX_S] = [30, 3600];

/** How long a list holds when nothing is known to have changed; kept in the registry. */
export class TimeToLive {
  #seconds: number;

  constructor(private readonly registry: Pick<Registry, "getSetting" | "setSetting">) {
    const stored = Number(registry.getSetting(SETTING));
    this.#seconds = isAllowed(stored) ? stored : DEFAULT_S;
  }

  get seconds(): number {
    return this.#seconds;
  }

  /** @returns The one before. @throws {LarderError} BAD_BODY */
  async set(seconds: number): Promise<number> {
    if (!isAllowed(seconds)) {
      throw new LarderError("BAD_BODY", `Cannot use ${seconds} for ttl_seconds`, {
        field: "ttl_seconds",
        hint: `Give whole seconds from ${MIN_S} to ${MAX_S}.`,
      });
    }
    await this.registry.setSetting(SETTING, String(seconds));
    const before = this.#seconds;
    this.#seconds = seconds;
    return before;
  }
}

function isAllowed(seconds: number): boolean {
  return Number.isInteger(seconds) && seconds >= MIN_S && seconds <= MAX_S;
}
