import { CHUNK_BYTES, LarderError, parseDigest } from "../core/index.ts";
import type { HubServing } from "../library/index.ts";

/** What another larder needs to fetch only the chunks that it lacks. */
export interface BlobChunksView {
  readonly sha256: string;
  readonly size_bytes: number;
  readonly chunk_bytes: number;
  /** SHA-256 of each chunk, in order; the last chunk may be shorter. */
  readonly chunks: readonly string[];
}

/** @throws {LarderError} BAD_DIGEST; FILE_NOT_FOUND: no such blob, or nobody has read its chunks yet. */
export function blobChunks(serving: Pick<HubServing, "chunkDigests">, text: string): BlobChunksView {
  const digest = parseDigest(text);
  const found = serving.chunkDigests(digest);
  if (found !== undefined) {
    return {
      sha256: digest,
      size_bytes: found.sizeBytes,
      chunk_bytes: CHUNK_BYTES,
      chunks: found.chunks,
    };
  }
  throw new LarderError(
    "FILE_NOT_FOUND",
    `Cannot tell the chunks of blob ${digest}: they are not known here`,
    {
      field: "sha256",
      hint: "Fetch the file as a whole.",
    },
  );
}
