import { appendFile, open, rm, truncate } from "node:fs/promises";
import { join } from "node:path";

/** Where a home keeps the blob of a digest. */
export function blobPath(home: string, digest: string): string {
  return join(home, "blobs", "sha256", digest.slice(0, 2), digest);
}

/** Writes another byte in the middle of a file, as a disk that rots does: its length stays. */
export async function flipByte(path: string, position: number): Promise<void> {
  const file = await open(path, "r+");
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, position);
  await file.write(Buffer.of((buffer[0] ?? 0) ^ 1), 0, 1, position);
  await file.close();
}

/** The same without a trace in the file's time of change. */
export async function rotByte(path: string, position: number): Promise<void> {
  const file = await open(path, "r+");
  const { atime, mtime } = await file.stat();
  await file.close();
  await flipByte(path, position);
  const again = await open(path, "r+");
  await again.utimes(atime, mtime);
  await again.close();
}

/** What can happen to a blob of two chunks and more, by row of the catalogue of faults. `chunks` are those that have to come again. */
export const DAMAGE: Readonly<
  Record<string, { readonly harm: (path: string) => Promise<void>; readonly chunks: "one" | "last" | "all" }>
> = {
  "D15 flipped": { harm: (path) => flipByte(path, 17), chunks: "one" },
  "D16 truncated": { harm: (path) => truncate(path, 10), chunks: "all" },
  "D16 empty": { harm: (path) => truncate(path, 0), chunks: "all" },
  "D17 extended": { harm: (path) => appendFile(path, "more"), chunks: "last" },
  "D18 missing": { harm: (path) => rm(path), chunks: "all" },
};
