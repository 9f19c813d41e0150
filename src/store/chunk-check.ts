import { DIGEST_BYTES, LarderError } from "../core/index.ts";
import type { ChunkPiece, PieceOutcome } from "./hash-messages.ts";
import type { HashPool } from "./hash-pool.ts";
import type { BlobInfo, ChunkCheck, ChunkSpan } from "./types.ts";
import { tableOf } from "./verifier.ts";

/** Compares some chunks with the table; what lies around them is not read. @throws {LarderError} BAD_STATE */
export async function checkChunks(
  pool: HashPool,
  blob: BlobInfo & { readonly path: string },
  { first, end }: ChunkSpan,
  signal?: AbortSignal,
): Promise<ChunkCheck> {
  const table = tableOf(blob);
  if (table === undefined) {
    throw new LarderError(
      "BAD_STATE",
      `Cannot check chunks of blob ${blob.digest}: their digests are unknown`,
    );
  }
  const { path, sizeBytes } = blob;
  const expected = table.slice(first * DIGEST_BYTES, end * DIGEST_BYTES);
  const pieces: readonly ChunkPiece[] = [{ path, sizeBytes, firstChunk: first, expected }];
  const [outcome] = await pool.run<PieceOutcome[]>("verifyPieces", pieces, { signal });
  const isRight = outcome !== undefined && outcome.isWhole && outcome.badChunks.length === 0;
  return { isRight, ...(outcome?.modifiedMs === undefined ? {} : { modifiedMs: outcome.modifiedMs }) };
}
