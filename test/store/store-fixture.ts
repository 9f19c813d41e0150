import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, parseDigest } from "../../src/core/index.ts";
import { type BlobStore, type BlobStoreOptions, openBlobStore } from "../../src/store/index.ts";
import { tempFolder } from "../helpers/temp-folder.ts";

export const CHUNK = 5 * 1024 * 1024;

export interface OpenStore extends AsyncDisposable {
  readonly home: string;
  readonly store: BlobStore;
  /** A folder outside the home, for what tests keep beside it. */
  readonly beside: string;
}

export async function openStore(options: Omit<BlobStoreOptions, "home"> = {}): Promise<OpenStore> {
  const folder = await tempFolder();
  const home = join(folder.path, "home");
  const store = await openBlobStore({ home, threads: 2, ...options });
  return {
    home,
    store,
    beside: folder.path,
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** SHA-256 by Node, which the store does not use. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return parseDigest(createHash("sha256").update(bytes).digest("hex"));
}

/** SHA-256 of each 5 MiB, 32 bytes a chunk. */
export function chunkDigestsOf(bytes: Uint8Array): Uint8Array {
  const digests: Buffer[] = [];
  for (let start = 0; start < bytes.byteLength; start += CHUNK) {
    digests.push(createHash("sha256").update(bytes.subarray(start, start + CHUNK)).digest());
  }
  return new Uint8Array(Buffer.concat(digests));
}

/** Bytes that repeat nowhere within a chunk and differ by seed. */
export function testBytes(length: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed * 2654435761 >>> 0 || 1;
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** Commits bytes the way a transfer does; returns their digest. */
export async function commitBytes(store: BlobStore, bytes: Uint8Array | string): Promise<Digest> {
  const digest = digestOf(bytes);
  const part = await store.openPart(digest);
  await writeFile(part.path, bytes);
  await part.commit(digest, Buffer.byteLength(bytes));
  return digest;
}

/** What `work` throws. (`expect().rejects` waits inside the call, where messages of a worker may not arrive.) */
export async function errorOf(work: () => unknown): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** The code of the error that `work` ends with; undefined when it ends well. */
export async function codeOf(work: () => unknown): Promise<string | undefined> {
  const error = await errorOf(work);
  if (error === undefined) return undefined;
  if (error instanceof Error && "code" in error) return String(error.code);
  throw error;
}
