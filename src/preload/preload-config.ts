import { LarderError } from "../core/index.ts";
import { STRATEGIES } from "./strategies/index.ts";
import type { PreloadConfig } from "./types.ts";

export const DEFAULT_PRELOAD_CONFIG: PreloadConfig = {
  enabled: true,
  strategy: "sequential",
  batch_size: 1,
  delay_ms: 100,
};

export const BATCH_MAX = 16;
export const DELAY_MS_MAX = 600_000;
export const PRIORITY_MAX = 1_000_000;

/** @throws {LarderError} BAD_BODY naming the field. */
export function checkPreloadConfig(changes: Partial<PreloadConfig>): Partial<PreloadConfig> {
  const { enabled, strategy, batch_size, delay_ms } = changes;
  if (enabled !== undefined && typeof enabled !== "boolean") throw refused("enabled", "true or false");
  if (strategy !== undefined && !STRATEGIES.includes(strategy)) {
    throw refused("strategy", `one of ${STRATEGIES.join(", ")}`);
  }
  if (batch_size !== undefined && !isWhole(batch_size, 1, BATCH_MAX)) {
    throw refused("batch_size", `a whole number from 1 to ${BATCH_MAX}`);
  }
  if (delay_ms !== undefined && !isWhole(delay_ms, 0, DELAY_MS_MAX)) {
    throw refused("delay_ms", `whole milliseconds from 0 to ${DELAY_MS_MAX}`);
  }
  return changes;
}

/** @throws {LarderError} BAD_BODY */
export function checkPriority(priority: number): number {
  if (isWhole(priority, -PRIORITY_MAX, PRIORITY_MAX)) return priority;
  throw refused("priority", `a whole number from ${-PRIORITY_MAX} to ${PRIORITY_MAX}`);
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}

function refused(field: string, allowed: string): LarderError {
  return new LarderError("BAD_BODY", `Cannot use ${field} as it is`, { field, hint: `Give ${allowed}.` });
}
