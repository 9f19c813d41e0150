import { LarderError } from "../../core/index.ts";
import type { KeptVariant } from "../budget-types.ts";
import { type DiskLimits, type DiskUse, excessBytes } from "./disk-use.ts";

/** Says what holds the space that is needed. */
export function noRoom(
  { neededBytes, freeableBytes, use, limits, kept }: {
    readonly neededBytes: number;
    /** What the leaving of everybody who may go would free. */
    readonly freeableBytes: number;
    readonly use: DiskUse;
    readonly limits: DiskLimits;
    readonly kept: readonly KeptVariant[];
  },
): LarderError {
  const missingBytes = excessBytes(use, limits, neededBytes) - freeableBytes;
  const held = heldBytes(kept);
  const holders = Object.entries(held).map(([reason, bytes]) => `${bytes} bytes are ${reason}`);
  return new LarderError(
    "NO_SPACE",
    `Cannot make room for ${neededBytes} bytes: ${missingBytes} bytes are missing within the limits of the disk${
      holders.length === 0 ? "" : ` (${holders.join(", ")})`
    }`,
    {
      hint:
        "Unpin, unload or remove models, take a smaller variant, or raise disk_bytes_max or lower disk_free_min.",
      details: {
        needed_bytes: neededBytes,
        missing_bytes: missingBytes,
        budget_bytes: limits.budgetBytes ?? null,
        used_bytes: use.usedBytes,
        reserved_bytes: use.reservedBytes,
        free_bytes: use.freeBytes,
        free_min_bytes: limits.freeMinBytes,
        held_bytes: held,
      },
    },
  );
}

/** By what holds them: `pinned`, `loaded`, `in use`, `being pulled`, ... */
function heldBytes(kept: readonly KeptVariant[]): Record<string, number> {
  const held: Record<string, number> = {};
  for (const { reason, size_bytes } of kept) {
    const holder = /^(?:in use|being loaded)/.exec(reason)?.[0] ?? reason;
    held[holder] = (held[holder] ?? 0) + size_bytes;
  }
  return held;
}
