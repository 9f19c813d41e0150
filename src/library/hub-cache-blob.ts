import { constants, type Stats } from "node:fs";
import { lstat, open, readlink } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { type Digest, LarderError, parseDigest, systemCode } from "../core/index.ts";
import { unsafe } from "./hub-cache-skip.ts";

/** What shows that the bytes of a cached file are those that the hub has. */
export type BlobProof =
  | { readonly kind: "sha256"; readonly digest: Digest }
  | { readonly kind: "git"; readonly gitOid: string }
  | { readonly kind: "none" };

export interface CachedBlob {
  /** Below the cache folder, no part of it a link. */
  readonly localPath: string;
  readonly sizeBytes: number;
  readonly proof: BlobProof;
}

/**
 * The bytes behind a file of a snapshot: a blob of the same repository, to which a relative link leads, or the file itself where a file
 * system has no links. A link is read and never followed. The name of a blob must say what its bytes are; a plain file has no such
 * name, as the hub's own tools leave none there, and is taken like any other local file.
 *
 * @param root The cache folder, without links. @param repo The repository's folder in it, a real one. @param place The file, from `root`
 * on; its folders are real ones.
 * @throws {LarderError} UNSAFE_PATH, FILE_NOT_FOUND, BAD_DIGEST
 * @see huggingface_hub, "Understand caching"; @huggingface/hub, `download-file-to-cache-dir.ts` and `symlink.ts`.
 */
export async function findCachedBlob(root: string, repo: string, place: string): Promise<CachedBlob> {
  const localPath = join(root, place);
  const entry = await lstat(localPath);
  if (entry.isFile()) return { localPath, sizeBytes: entry.size, proof: { kind: "none" } };
  if (!entry.isSymbolicLink()) throw unsafe(place, "it is neither a file nor a link");
  const text = await readlink(localPath);
  const target = resolve(dirname(localPath), text);
  const blobs = join(root, repo, "blobs");
  if (isAbsolute(text) || dirname(target) !== blobs || !(await lstatOrMissing(place, blobs)).isDirectory()) {
    throw unsafe(place, "its link leads out of the blobs of its repository");
  }
  const blob = await lstatOrMissing(place, target);
  if (!blob.isFile()) throw unsafe(place, "its blob is not a regular file");
  return { localPath: target, sizeBytes: blob.size, proof: proofOf(place, basename(target)) };
}

/** Other ETags, as mirrors may give them, say nothing about the bytes. */
function proofOf(place: string, blobName: string): BlobProof {
  if (/^[0-9a-f]{40}$/.test(blobName)) return { kind: "git", gitOid: blobName };
  if (/^[0-9a-f]{64}$/.test(blobName)) return { kind: "sha256", digest: parseDigest(blobName) };
  throw new LarderError("BAD_DIGEST", `Cannot take ${place}: the name of its blob is not its digest`, {
    hint: "Pull the model instead, or import the file by itself.",
  });
}

async function lstatOrMissing(place: string, path: string): Promise<Stats> {
  return await lstat(path).catch((error: unknown) => {
    if (systemCode(error) !== "ENOENT") throw error;
    throw new LarderError("FILE_NOT_FOUND", `Cannot take ${place}: its blob is not there`);
  });
}

/** The text of a regular file; undefined for what is longer, or something else. Neither follows a link nor waits for a pipe. */
export async function readSmallFile(path: string, bytesMax: number): Promise<string | undefined> {
  if (!(await lstat(path)).isFile()) return undefined;
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  await using file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  const entry = await file.stat();
  if (!entry.isFile() || entry.size > bytesMax) return undefined;
  return await file.readFile("utf8");
}
