import { createHash } from "node:crypto";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";

/** Every entry of a folder: its kind, its permissions and the digest of what it holds. Two equal ones are the same to the byte. */
export async function treeOf(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder, { recursive: true })).sort();
  const entries = await Promise.all(
    names.map(async (name) => [name, await entryOf(join(folder, name))] as const),
  );
  return Object.fromEntries(entries);
}

async function entryOf(path: string): Promise<string> {
  const stat = await lstat(path);
  const mode = (stat.mode & 0o7777).toString(8);
  if (stat.isDirectory()) return `folder ${mode}`;
  if (stat.isSocket()) return `socket ${mode}`;
  const content = stat.isSymbolicLink() ? await readlink(path) : await readFile(path);
  return `${stat.isFile() ? "file" : "other"} ${mode} ${createHash("sha256").update(content).digest("hex")}`;
}
