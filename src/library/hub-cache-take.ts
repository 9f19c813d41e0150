import { constants } from "node:fs";
import { lstat, open, realpath } from "node:fs/promises";
import { type Digest, GitBlobHash, isLarderError, LarderError, Sha256 } from "../core/index.ts";
import type { BlobRow, Registry } from "../registry/index.ts";
import type { BlobStore, ImportedFile, ImportMode } from "../store/index.ts";
import type { CachedBlob } from "./hub-cache-blob.ts";
import { badSource, unsafe } from "./hub-cache-skip.ts";
import { recordImported } from "./record-imported.ts";

/** Read at once: hashing so much holds this thread up for less than a millisecond. */
const READ_BYTES = 256 * 1024;

export interface TakenBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly mode: ImportedFile["mode"];
}

export interface TakeDeps {
  readonly store: Pick<BlobStore, "importFile" | "pin" | "has" | "open">;
  readonly registry: Pick<Registry, "findBlob" | "findBlobByGitOid" | "recordBlob">;
}

export interface TakeOptions {
  readonly mode: ImportMode;
  readonly signal: AbortSignal;
  /** More bytes are dealt with: how many since the last call. All of a blob, also when it could not be taken. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Takes blobs of a cache in, each once. What the home has already by a name that proves it is not read again. Taken blobs stay pinned
 * until this is disposed of.
 */
export class BlobTaker implements Disposable {
  readonly #taken = new Map<string, Promise<TakenBlob>>();
  readonly #unpins: Array<() => void> = [];

  constructor(private readonly deps: TakeDeps, private readonly options: TakeOptions) {}

  /** @throws {LarderError} DIGEST_MISMATCH, BAD_SOURCE, UNSAFE_PATH; NO_SPACE and what else ends an import. The signal's reason. */
  async take(blob: CachedBlob): Promise<TakenBlob> {
    const earlier = this.#taken.get(blob.localPath);
    if (earlier !== undefined) return { ...await earlier, mode: "present" };
    const mine = this.#take(blob);
    this.#taken.set(blob.localPath, mine);
    return await mine;
  }

  [Symbol.dispose](): void {
    for (const unpin of this.#unpins) unpin();
  }

  async #take(blob: CachedBlob): Promise<TakenBlob> {
    let told = 0;
    const tell = (bytesDone: number) => {
      this.options.onBytes(bytesDone - told);
      told = bytesDone;
    };
    try {
      return this.#findPresent(blob) ?? await this.#import(blob, tell);
    } finally {
      tell(blob.sizeBytes);
    }
  }

  #findPresent({ proof, sizeBytes }: CachedBlob): TakenBlob | undefined {
    const row = proof.kind === "none" ? undefined : this.#known(proof);
    if (row?.state !== "intact" || row.sizeBytes !== sizeBytes) return undefined;
    this.#unpins.push(this.deps.store.pin(row.digest));
    return this.deps.store.has(row.digest) ? { digest: row.digest, sizeBytes, mode: "present" } : undefined;
  }

  #known(proof: Exclude<CachedBlob["proof"], { kind: "none" }>): BlobRow | undefined {
    const { registry } = this.deps;
    return proof.kind === "git" ? registry.findBlobByGitOid(proof.gitOid) : registry.findBlob(proof.digest);
  }

  async #import(blob: CachedBlob, onProgress: (bytesDone: number) => void): Promise<TakenBlob> {
    const { signal } = this.options;
    signal.throwIfAborted();
    await refuseMoved(blob);
    const expected = await provenDigest(blob, signal);
    const imported = await this.#share(blob.localPath, {
      ...(expected === undefined ? {} : { expected }),
      signal,
      onProgress: (bytes) => onProgress(Math.min(bytes, blob.sizeBytes)),
    });
    const { digest, sizeBytes, mode } = imported;
    this.#unpins.push(this.deps.store.pin(digest));
    await recordImported(this.deps, imported, blob.proof.kind === "git" ? blob.proof.gitOid : undefined);
    return { digest, sizeBytes, mode };
  }

  /**
   * Unlike for a file of a user's own, `auto` prefers a link to a copy: the hub's own tools never write into a blob, they make a new
   * one and rename it.
   */
  async #share(
    path: string,
    options: Omit<Parameters<BlobStore["importFile"]>[1], "mode">,
  ): Promise<ImportedFile> {
    const { mode } = this.options;
    const modes: readonly ImportMode[] = mode !== "auto"
      ? []
      : await isOwn(path)
      ? ["reflink", "hardlink"]
      : ["reflink"];
    for (const attempt of modes) {
      try {
        return await this.deps.store.importFile(path, { ...options, mode: attempt });
      } catch (error) {
        if (!isLarderError(error, "BAD_SOURCE")) throw error;
      }
    }
    return await this.deps.store.importFile(path, { ...options, mode: mode === "auto" ? "copy" : mode });
  }
}

/** Another user could still change the bytes behind a link. */
async function isOwn(path: string): Promise<boolean> {
  const uid = process.getuid?.();
  return uid === undefined || (await lstat(path)).uid === uid;
}

/** A folder on the way may have become a link since it was looked at. */
async function refuseMoved({ localPath }: CachedBlob): Promise<void> {
  const real = await realpath(localPath).catch((error: unknown) => {
    throw badSource(localPath, "it is not there any more", error);
  });
  if (real !== localPath) throw unsafe(localPath, "it lies behind a link");
}

/** The SHA-256 that the file must have, for which bytes with Git's name are read once more than others. Undefined without a proof. */
async function provenDigest(
  { localPath, sizeBytes, proof }: CachedBlob,
  signal: AbortSignal,
): Promise<Digest | undefined> {
  if (proof.kind !== "git") return proof.kind === "none" ? undefined : proof.digest;
  const [git, sha256] = [new GitBlobHash(sizeBytes), new Sha256()];
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  await using file = await open(localPath, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!(await file.stat()).isFile()) throw badSource(localPath, "it is not a regular file");
  const buffer = new Uint8Array(READ_BYTES);
  while (true) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, READ_BYTES);
    if (bytesRead === 0) break;
    git.update(buffer.subarray(0, bytesRead));
    sha256.update(buffer.subarray(0, bytesRead));
  }
  const actual = git.digest();
  if (actual === proof.gitOid) return sha256.digest();
  throw new LarderError(
    "DIGEST_MISMATCH",
    `Cannot import ${localPath}: expected git oid ${proof.gitOid}, got ${actual}`,
    {
      hint: "Delete the file and let the hub's tools get it again, or pull the model.",
      details: { expected: proof.gitOid, actual },
    },
  );
}
