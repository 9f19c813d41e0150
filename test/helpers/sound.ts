import { expect } from "bun:test";
import { createHash } from "node:crypto";
import { createReadStream, existsSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import type { TestLibrary } from "./library.ts";

/**
 * What holds after every fault: each blob hashes to its name, every file that has a name is there whole, incoming/ holds only what
 * can be resumed, nothing of it is left open, and no space is promised to anybody.
 */
export async function expectSound(larder: TestLibrary): Promise<void> {
  const sizes = await checkBlobs(larder.home);
  await checkNames(larder, sizes);
  checkIncoming(larder.home);
  checkDescriptors(larder.home);
  expect((await larder.store.space()).reservedBytes).toBe(0);
}

/** Names of what lies in incoming/, sorted. */
export function incoming(home: string): string[] {
  return readdirSync(join(home, "incoming")).sort();
}

/** Path of the part of a key, and of its journal. */
export function partOf(home: string, key: string): { readonly part: string; readonly journal: string } {
  const base = join(home, "incoming", key);
  return { part: `${base}.part`, journal: `${base}.journal` };
}

export function blobCount(home: string): number {
  return blobPaths(home).length;
}

async function checkBlobs(home: string): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const path of blobPaths(home)) {
    const digest = basename(path);
    expect(await hashFile(path)).toBe(digest);
    expect(path).toEndWith(join("sha256", digest.slice(0, 2), digest));
    sizes.set(digest, statSync(path).size);
  }
  return sizes;
}

function blobPaths(home: string): string[] {
  const digests = join(home, "blobs", "sha256");
  return readdirSync(digests).flatMap((folder) =>
    readdirSync(join(digests, folder)).map((name) => join(digests, folder, name))
  );
}

function hashFile(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const hash = createHash("sha256");
    createReadStream(path, { highWaterMark: 1024 * 1024 }).on("data", (bytes) => hash.update(bytes))
      .on("error", reject).on("close", () => resolve(hash.digest("hex")));
  });
}

async function checkNames({ library }: TestLibrary, sizes: ReadonlyMap<string, number>): Promise<void> {
  for (const { model } of (await library.list({ limit: 1000 })).models) {
    for (const { version } of (await library.describe(model)).versions) {
      const { files } = (await library.describe(`${model}@${version}`)).version;
      expect(files.length).toBeGreaterThan(0);
      for (const file of files) {
        expect([file.path, sizes.get(file.sha256)]).toEqual([file.path, file.size_bytes]);
      }
    }
  }
}

/** Nothing that is not being worked on is open. */
function checkDescriptors(home: string): void {
  if (process.platform !== "linux") return;
  const open = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ""; // closed since the folder was read
    }
  });
  const ours = open.filter((path) => ["blobs", "incoming"].some((name) => path.startsWith(join(home, name))));
  expect(ours).toEqual([]);
}

/** Each part has a journal whose first line says how long it is, and something to go on with. */
function checkIncoming(home: string): void {
  for (const name of incoming(home)) {
    expect(name).toMatch(/^(?:u-)?[0-9a-f]{64}\.(?:part|journal)$/);
    const { part, journal } = partOf(home, name.slice(0, name.lastIndexOf(".")));
    expect([existsSync(part), existsSync(journal)]).toEqual([true, true]);
    const [line = ""] = readFileSync(journal, "latin1").split("\n", 1);
    expect(JSON.parse(line)).toMatchObject({ version: 1, totalBytes: statSync(part).size });
    expect(statSync(part).blocks).toBeGreaterThan(0);
  }
}
