import { bytesOfShare } from "../../core/index.ts";
import type { Registry } from "../../registry/index.ts";
import type { BlobStore } from "../../store/index.ts";
import type { DiskBudgetSettings } from "../budget-types.ts";

/** The disk as it is now. */
export interface DiskUse {
  /** Blobs and parts, by what the registry and the file system say. */
  readonly usedBytes: number;
  /** What running transfers were promised and have not written yet. */
  readonly reservedBytes: number;
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** The settings in bytes, for the file system as it is. */
export interface DiskLimits {
  /** Undefined when there is no budget. */
  readonly budgetBytes: number | undefined;
  readonly freeMinBytes: number;
}

export async function diskUse({ registry, store }: {
  readonly registry: Pick<Registry, "stats" | "findBlob">;
  readonly store: Pick<BlobStore, "space" | "parts">;
}): Promise<DiskUse> {
  const [space, parts] = await Promise.all([store.space(), store.parts()]);
  // A damaged blob is a part until it is repaired, and counted as the blob that it will be.
  const ofParts = parts.filter(({ key }) =>
    (registry.findBlob(key as never)?.state ?? "missing") === "missing"
  );
  return {
    ...space,
    usedBytes: registry.stats().blobBytes + ofParts.reduce((sum, { diskBytes }) => sum + diskBytes, 0),
  };
}

/** Undefined when no variant ever has to leave. */
export function diskLimits(
  { bytesMax, freeMin }: DiskBudgetSettings,
  totalBytes: number,
): DiskLimits | undefined {
  if (isNone(bytesMax) && isNone(freeMin)) return undefined;
  return {
    budgetBytes: isNone(bytesMax) ? undefined : bytesOfShare(bytesMax, totalBytes),
    freeMinBytes: bytesOfShare(freeMin, totalBytes),
  };
}

/** What has to be freed so that `neededBytes` more can come. */
export function excessBytes(use: DiskUse, limits: DiskLimits, neededBytes: number): number {
  const { budgetBytes = Infinity, freeMinBytes } = limits;
  const comingBytes = use.reservedBytes + neededBytes;
  return Math.max(0, use.usedBytes + comingBytes - budgetBytes, freeMinBytes + comingBytes - use.freeBytes);
}

function isNone(share: DiskBudgetSettings["bytesMax"]): boolean {
  return bytesOfShare(share, 1e15) === 0;
}
