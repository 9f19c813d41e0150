import { type Digest, DIGEST_BYTES, digestFromBytes, digestToBytes } from "./digest.ts";

/** The piece of a blob that is resumed, verified, repaired and shared by itself. The last one of a blob is shorter. */
export const CHUNK_BYTES = 5 * 1024 * 1024;

/** How many chunks a blob has; an empty blob has none. */
export function chunkCount(sizeBytes: number): number {
  return Math.ceil(sizeBytes / CHUNK_BYTES);
}

/** Byte offsets of a chunk, end excluded. */
export function chunkRange(index: number, sizeBytes: number): { start: number; end: number } {
  return { start: index * CHUNK_BYTES, end: Math.min((index + 1) * CHUNK_BYTES, sizeBytes) };
}

/** Digests of all chunks in order to one array of 32 bytes each, the form kept in registry and manifest. */
export function packDigests(digests: readonly Digest[]): Uint8Array {
  const packed = new Uint8Array(digests.length * DIGEST_BYTES);
  digests.forEach((digest, index) => packed.set(digestToBytes(digest), index * DIGEST_BYTES));
  return packed;
}

export function unpackDigests(packed: Uint8Array): Digest[] {
  const count = Math.floor(packed.byteLength / DIGEST_BYTES);
  return Array.from(
    { length: count },
    (_, index) => digestFromBytes(packed.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES)),
  );
}
