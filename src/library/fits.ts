import { readFileSync } from "node:fs";
import { freemem } from "node:os";
import { LarderError } from "../core/index.ts";
import type { Registry } from "../registry/index.ts";
import type { BlobStore } from "../store/index.ts";
import type { PlannedFile } from "./pull-plan.ts";

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

/** Where Linux says what memory there is; a parameter so that a test can have its own. */
export interface MemoryFiles {
  readonly meminfo: string;
  /** Folder of this process's cgroup, version 2. */
  readonly cgroup: string;
}

const LINUX: MemoryFiles = { meminfo: "/proc/meminfo", cgroup: "/sys/fs/cgroup" };

/** Memory that could be used now, in bytes: what the system can give without swapping, within the limit of the cgroup. */
export function availableMemoryBytes(files: MemoryFiles = LINUX): number {
  const system = /^MemAvailable:\s+(\d+) kB$/m.exec(readIfThere(files.meminfo) ?? "")?.[1];
  const systemBytes = system === undefined ? freemem() : Number(system) * 1024;
  const limit = Number(readIfThere(`${files.cgroup}/memory.max`)?.trim());
  const used = Number(readIfThere(`${files.cgroup}/memory.current`)?.trim());
  // "max" and a missing file are no number: then there is no limit.
  return Number.isFinite(limit) && Number.isFinite(used)
    ? Math.min(systemBytes, Math.max(0, limit - used))
    : systemBytes;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
