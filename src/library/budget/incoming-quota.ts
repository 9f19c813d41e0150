import { bytesOfShare, type Clock, type Digest, logger, type Share } from "../../core/index.ts";
import type { Registry } from "../../registry/index.ts";
import type { BlobStore, StoredPart } from "../../store/index.ts";

const log = logger("budget");

export interface IncomingQuota {
  /** Seconds since the last write. */
  readonly maxAgeS: number;
  /** Of all parts together, those that have to stay included. */
  readonly bytesMax: Share;
}

/** Parts beyond the quota, the oldest first. What is to stay counts, and stays. */
export function partsToDelete(
  parts: readonly StoredPart[],
  quota: { readonly maxAgeS: number; readonly bytesMax: number },
  { isKept, nowS }: { readonly isKept: (key: string) => boolean; readonly nowS: number },
): StoredPart[] {
  let bytes = parts.reduce((sum, { diskBytes }) => sum + diskBytes, 0);
  const oldestFirst = parts.toSorted((a, b) => a.writtenAtS - b.writtenAtS || (a.key < b.key ? -1 : 1));
  return oldestFirst.filter((part) => {
    const isOver = nowS - part.writtenAtS >= quota.maxAgeS || bytes > quota.bytesMax;
    if (!isOver || isKept(part.key)) return false;
    bytes -= part.diskBytes;
    return true;
  });
}

/** Deletes what earlier processes left in `incoming/`, beyond the quota. What an unfinished pull or a repair goes on with stays. */
export async function keepIncomingQuota(
  { registry, store, partKeys, clock }: {
    readonly registry: Pick<Registry, "findBlob" | "isReferenced">;
    readonly store: Pick<BlobStore, "parts" | "removePart" | "space">;
    /** Keys of parts that unfinished pulls resume. */
    readonly partKeys: () => ReadonlySet<string>;
    readonly clock: Clock;
  },
  quota: IncomingQuota,
): Promise<void> {
  const [parts, { totalBytes }] = await Promise.all([store.parts(), store.space()]);
  const resumed = partKeys();
  const isKept = (key: string) => resumed.has(key) || awaitsRepair(registry, key);
  const unwanted = partsToDelete(
    parts,
    { maxAgeS: quota.maxAgeS, bytesMax: bytesOfShare(quota.bytesMax, totalBytes) },
    { isKept, nowS: clock.nowS() },
  );
  for (const { key, diskBytes } of unwanted) {
    if (!await store.removePart(key)) continue;
    log.info("Deleted the partial download {key}: {bytes} bytes that nothing will go on with", {
      key,
      bytes: diskBytes,
    });
  }
}

/** A damaged blob that is still wanted waits for its repair as the part of its digest. */
export function awaitsRepair(registry: Pick<Registry, "findBlob" | "isReferenced">, key: string): boolean {
  const digest = key as Digest;
  return registry.isReferenced(digest) && registry.findBlob(digest)?.state !== "intact";
}
