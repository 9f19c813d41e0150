import { LarderError } from "../core/index.ts";
import type { Registry } from "../registry/index.ts";
import type { BlobStore } from "../store/index.ts";
import { partKeysOf, type PlannedFile } from "./pull-plan.ts";

export interface DiskDeps {
  readonly store: Pick<BlobStore, "space">;
}

/** Bytes of the files that no intact blob has yet. The same content is counted once. */
export function missingBytes(
  registry: Pick<Registry, "findBlob" | "findBlobByGitOid">,
  files: ReadonlyArray<Pick<PlannedFile, "digest" | "gitOid" | "sizeBytes">>,
): number {
  const seen = new Set<string>();
  let sum = 0;
  for (const { digest, gitOid, sizeBytes = 0 } of files) {
    const key = digest ?? gitOid;
    const blob = digest === undefined
      ? (gitOid === undefined ? undefined : registry.findBlobByGitOid(gitOid))
      : registry.findBlob(digest);
    if (blob?.state === "intact" || (key !== undefined && seen.has(key))) continue;
    if (key !== undefined) seen.add(key);
    sum += sizeBytes;
  }
  return sum;
}

/** Bytes of the files that are still to be written: what an earlier try left of them is there. */
export async function bytesToCome(
  { registry, store }: {
    readonly registry: Pick<Registry, "findBlob" | "findBlobByGitOid">;
    readonly store: Pick<BlobStore, "parts">;
  },
  files: readonly PlannedFile[],
): Promise<number> {
  const keys = new Set(files.flatMap(partKeysOf));
  const parts = (await store.parts()).filter(({ key }) => keys.has(key));
  const thereBytes = parts.reduce((sum, { diskBytes }) => sum + diskBytes, 0);
  return Math.max(0, missingBytes(registry, files) - thereBytes);
}

/** Whether bytes have room beside what other pulls were promised. */
export async function fitsDisk({ store }: DiskDeps, bytes: number): Promise<boolean> {
  const { freeBytes, reservedBytes } = await store.space();
  return bytes <= freeBytes - reservedBytes;
}

/** Before the first byte of many files: each of them alone would fit. @throws {LarderError} NO_SPACE */
export async function checkDisk({ store }: DiskDeps, bytes: number): Promise<void> {
  const { freeBytes, reservedBytes } = await store.space();
  const lackingBytes = bytes - (freeBytes - reservedBytes);
  if (lackingBytes <= 0) return;
  throw new LarderError(
    "NO_SPACE",
    `Cannot pull ${bytes} bytes: ${lackingBytes} bytes are missing on the disk of the home`,
    {
      hint:
        `Free at least ${lackingBytes} bytes, for example with \`larder remove\`, or take a smaller variant.`,
      details: { needed_bytes: bytes, missing_bytes: lackingBytes },
    },
  );
}
