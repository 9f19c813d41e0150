import { LarderError, parsePercentage, type Share } from "../../core/index.ts";
import type { DiskBudgetSettings, DiskBudgetView, DiskPolicy } from "../budget-types.ts";

export const DISK_POLICIES = [
  "oldest",
  "least_used",
  "largest",
  "cost",
] as const satisfies readonly DiskPolicy[];

export function budgetView({ bytesMax, freeMin, policy }: DiskBudgetSettings): DiskBudgetView {
  return { bytes_max: bytesMax, free_min: freeMin, policy };
}

/** Checks settings from outside. @throws {LarderError} BAD_BODY naming the field */
export function budgetChanges(
  { bytes_max, free_min, policy }: Partial<DiskBudgetView>,
): Partial<DiskBudgetSettings> {
  if (policy !== undefined && !DISK_POLICIES.includes(policy)) {
    throw refused("policy", policy, `one of ${DISK_POLICIES.join(", ")}`);
  }
  return {
    ...(bytes_max === undefined ? {} : { bytesMax: share("bytes_max", bytes_max) }),
    ...(free_min === undefined ? {} : { freeMin: share("free_min", free_min) }),
    ...(policy === undefined ? {} : { policy }),
  };
}

function share(field: string, given: Share): Share {
  const value = typeof given === "number" ? given : parsePercentage(given);
  if (typeof value === "string" || (Number.isSafeInteger(value) && Number(value) >= 0)) return value as Share;
  throw refused(field, given, 'whole bytes of at least 0, or a percentage such as "80%"');
}

function refused(field: string, given: unknown, allowed: string): LarderError {
  return new LarderError("BAD_BODY", `Cannot use ${JSON.stringify(given)} for ${field}`, {
    field,
    hint: `Give ${allowed}.`,
  });
}
