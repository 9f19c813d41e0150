import { type Digest, LarderError, packDigests } from "../core/index.ts";
import type { DownloadRequest } from "./types.ts";

/** What the bytes must be; where nothing is named, any will do. */
type Expected = Pick<DownloadRequest, "digest" | "gitOid" | "chunks">;

/** What the bytes turned out to be. */
export interface Found {
  readonly digest: Digest;
  readonly chunkDigests: Uint8Array;
  /** Only computed when it was expected. */
  readonly gitOid: string | undefined;
}

export function isExpected({ digest, gitOid, chunks }: Expected, found: Found): boolean {
  if (digest !== undefined && digest !== found.digest) return false;
  if (gitOid !== undefined && gitOid !== found.gitOid) return false;
  return chunks === undefined || Buffer.compare(found.chunkDigests, packDigests(chunks)) === 0;
}

/** Names the digest when it is wrong, else the Git object name, else the chunks. */
export function mismatch({ digest, gitOid }: Expected, found: Found): LarderError {
  const isDigestRight = digest === undefined || digest === found.digest;
  if (isDigestRight && gitOid !== undefined && gitOid !== found.gitOid) {
    return refusal("git_oid", `git oid ${gitOid}`, found.gitOid, { expected: gitOid, actual: found.gitOid });
  }
  return refusal("sha256", `sha256 ${digest ?? "of known chunks"}`, found.digest, {
    expected: digest,
    actual: found.digest,
  });
}

export function chunkMismatch({ digest }: Expected, index: number): LarderError {
  const wanted = `sha256 ${digest ?? "of known chunks"}`;
  return refusal("sha256", wanted, `chunk ${index} is wrong each time`, { expected: digest });
}

function refusal(
  field: string,
  wanted: string,
  got: string | undefined,
  details: Readonly<Record<string, unknown>>,
): LarderError {
  return new LarderError("DIGEST_MISMATCH", `Cannot keep this file: expected ${wanted}, got ${got}`, {
    field,
    hint: "Check the digest, or name another mirror; nothing was stored.",
    details,
  });
}
