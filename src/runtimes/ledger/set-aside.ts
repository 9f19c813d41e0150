import { LarderError } from "../../core/index.ts";
import type { LoadRecord } from "./load-ledger.ts";

export interface CrashLimit {
  /** After so many crashes files are not loaded any more ... */
  readonly crashLimit: number;
  /** ... when they came within so long. */
  readonly crashWindowS: number;
}

/** @throws {LarderError} MODEL_CRASHED for files that are set aside, with how often and why. */
export function refuseSetAside(
  label: string,
  record: LoadRecord | undefined,
  limit: CrashLimit,
  nowS: number,
): void {
  if (record === undefined) return;
  const recent = record.crashes.filter(({ atS }) => atS > nowS - limit.crashWindowS);
  const last = record.crashes.at(-1);
  const isSetAside = record.verdict === "crashing" || recent.length >= limit.crashLimit;
  if (!isSetAside || last === undefined) return;
  const often = record.verdict === "crashing"
    ? "loading it crashes"
    : `it has crashed ${recent.length} times`;
  throw new LarderError("MODEL_CRASHED", `Cannot load ${label}: ${often}; its ${last.reason}`, {
    hint: "Take another version or variant; or forget what is remembered of it, to try again.",
    details: { reason: last.reason, crashes: record.crashes.length, last_crash_s: last.atS, set_aside: true },
  });
}
