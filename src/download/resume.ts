import { CHUNK_BYTES, chunkRange, type Digest, redactAddress } from "../core/index.ts";
import { ChunkMap } from "./chunk-map.ts";
import type { Journal, JournalHeader } from "./journal.ts";
import type { TransferJob } from "./transfer-protocol.ts";

/** Where an earlier run left off. */
export interface ResumePoint {
  readonly map: ChunkMap;
  /** Tag of the bytes that are there, when the first mirror gave it. */
  readonly etag: string | undefined;
  /** Chunks that are there, with the digests that were noted for them. */
  readonly recorded: ReadonlyArray<readonly [number, Digest]>;
}

/** What of a part may be kept. Its bytes are checked later, on the way: chunks that were hashed by themselves, all by the digest of the whole. */
export function findResumePoint(
  journal: Journal,
  job: TransferJob,
  boot: Digest | undefined,
  presentBytes: number,
): ResumePoint | undefined {
  if (!fits(journal.header, job)) return undefined;
  const { totalBytes, etag } = journal.header;
  const map = new ChunkMap(totalBytes);
  // Since the same boot nothing that was written can be lost; after another one only what has a digest can be checked.
  const isSameBoot = boot !== undefined && journal.boot === boot;
  const trusted = new Set([...journal.hashed.keys(), ...(isSameBoot ? journal.written : [])]);
  for (const index of trusted) {
    // Bytes beyond the end of the part were never written, whatever the journal says.
    if (chunkRange(index, totalBytes).end <= presentBytes) map.markDone(index);
  }
  for (const [index, bytes] of isSameBoot ? journal.begun : []) {
    if (index * CHUNK_BYTES + bytes <= presentBytes) map.markBegun(index, bytes);
  }
  for (const index of job.refetch) map.markMissing(index);
  return {
    map,
    etag: isFirstMirror(journal.header, job) ? etag : undefined,
    recorded: [...journal.hashed].filter(([index]) => map.isDone(index)),
  };
}

/** Without a digest to decide at the end, only the same tag of the same mirror shows that the bytes belong together. */
function fits(header: JournalHeader, job: TransferJob): boolean {
  if (job.sizeBytes !== undefined && header.totalBytes !== job.sizeBytes) return false;
  return decidesByDigest(job) || (header.etag !== undefined && isFirstMirror(header, job));
}

function isFirstMirror(header: JournalHeader, job: TransferJob): boolean {
  return header.mirror === redactAddress(job.mirrors[0] ?? "");
}

/** The end shows whether bytes belong together, wherever they came from. */
export function decidesByDigest(job: TransferJob): boolean {
  return job.digest !== undefined || job.gitOid !== undefined || job.chunksKnown;
}
