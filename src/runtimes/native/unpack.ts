import { constants } from "node:fs";
import { chmod, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { LarderError, systemCode } from "../../core/index.ts";
import type { EmbeddedFile } from "./embedded.ts";

/** What this makes below the folder of runtimes: a build, or one that is still being unpacked. */
const BUILD_NAME = /^[0-9a-f]{16}(?:\.tmp-\d+)?$/;
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW;
const PIECE_BYTES = 1024 * 1024;

/**
 * Makes `folder` hold exactly these files: leaves it when all digests are right, else unpacks into a folder beside it and
 * renames that. Other builds are removed; libraries of theirs that are in use stay usable.
 *
 * @throws {LarderError} IO when the executable itself is damaged. Answers of the disk as they come.
 */
export async function unpack(folder: string, files: readonly EmbeddedFile[]): Promise<void> {
  const parent = dirname(folder);
  await mkdir(parent, { recursive: true, mode: 0o700 });
  if (!await isWhole(folder, files)) {
    const arrival = `${folder}.tmp-${process.pid}`;
    await rm(arrival, { recursive: true, force: true });
    await mkdir(arrival, { mode: 0o700 });
    try {
      for (const file of files) await unpackFile(arrival, file);
      await rm(folder, { recursive: true, force: true });
      await rename(arrival, folder);
    } finally {
      await rm(arrival, { recursive: true, force: true });
    }
  }
  for (const name of await readdir(parent)) {
    if (BUILD_NAME.test(name) && name !== basename(folder)) {
      await rm(join(parent, name), { recursive: true, force: true });
    }
  }
}

async function isWhole(folder: string, files: readonly EmbeddedFile[]): Promise<boolean> {
  for (const { name, sha256, sizeBytes } of files) {
    if (await digestOfOwn(join(folder, name), sizeBytes) !== sha256) return false;
  }
  return true;
}

/** Absent when it is no file of ours: not there, a link, of another length. */
async function digestOfOwn(path: string, sizeBytes: number): Promise<string | undefined> {
  try {
    await using file = await open(path, READ_FLAGS);
    const stat = await file.stat();
    if (!stat.isFile() || stat.size !== sizeBytes) return undefined;
    const hasher = new Bun.CryptoHasher("sha256");
    const piece = new Uint8Array(PIECE_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(piece);
      if (bytesRead === 0) return hasher.digest("hex");
      hasher.update(piece.subarray(0, bytesRead));
    }
  } catch (error) {
    if (["ENOENT", "ELOOP", "ENOTDIR", "EISDIR"].includes(systemCode(error) ?? "")) return undefined;
    throw error;
  }
}

async function unpackFile(folder: string, { name, path, sha256 }: EmbeddedFile): Promise<void> {
  const bytes = await Bun.zstdDecompress(await Bun.file(path).bytes());
  if (new Bun.CryptoHasher("sha256").update(bytes).digest("hex") !== sha256) {
    throw new LarderError("IO", `Cannot unpack ${name}: the executable is damaged`, {
      hint: "Install this program again.",
    });
  }
  const target = join(folder, name);
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  await Bun.write(target, bytes);
  await chmod(target, 0o500);
}
