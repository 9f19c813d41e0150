import { fstatSync } from "node:fs";
import { CHUNK_BYTES, type Digest, type ErrorCode, isLarderError, LarderError } from "../core/index.ts";
import type {
  ChunkCopy,
  Downloader,
  DownloadOutcome,
  DownloadProgress,
  DownloadRequest,
} from "../download/index.ts";
import type { BlobRow, Registry } from "../registry/index.ts";
import type { BlobStore, Part } from "../store/index.ts";
import { HeldSpace } from "./held-space.ts";
import { partKeysOf, type PlannedFile, sourceKey, transferKey } from "./pull-plan.ts";

/** A committed and recorded blob. */
export interface FetchedBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly bytesFetched: number;
  readonly chunksFetched: number;
  /** Ends the pin that keeps the blob until a row points to it. */
  readonly release: () => void;
}

interface Committed extends FetchedBlob {
  readonly chunkDigests: Uint8Array;
}

export interface FetchOptions {
  readonly signal: AbortSignal;
  /** Files of one group share the limit of connections. */
  readonly group: string;
  readonly onProgress: (progress: DownloadProgress) => void;
}

/** After these a part holds nothing that a later try could use. */
const WORTHLESS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "DIGEST_MISMATCH",
  "SIZE_MISMATCH",
  "CORRUPT_SOURCE",
  "DECOMPRESS_LIMIT",
]);

/** Files of a known length up to this have no part on disk: to fetch them again costs less than to resume them. */
const SMALL_BYTES_MAX = 1024 * 1024;

/** Makes one file a blob: present, resumed, copied chunk by chunk, fetched, decompressed; then committed and recorded. */
export class FileFetcher {
  constructor(
    private readonly deps: {
      readonly registry: Pick<Registry, "findBlob" | "findBlobByGitOid" | "recordBlob" | "findChunks">;
      readonly store: Pick<BlobStore, "open" | "openPart" | "put" | "pin" | "blobPath">;
      readonly space: Pick<BlobStore, "reserve">;
      readonly downloader: Pick<Downloader, "download" | "downloadSmall" | "decompress">;
      readonly decompressBytesMax: number;
      /** What a hub's origin is shown, as long as there is a token for it. */
      readonly credential: () => DownloadRequest["credential"];
    },
  ) {}

  async fetch(file: PlannedFile, options: FetchOptions): Promise<FetchedBlob> {
    return this.#findPresent(file) ??
      await (file.encoding === undefined
        ? this.#fetchPlain(file, options)
        : this.#fetchEncoded(file, options));
  }

  /** Deletes what an earlier try left of a file that nobody wants any more. */
  async discard(file: PlannedFile): Promise<void> {
    for (const key of partKeysOf(file)) {
      const part = await this.deps.store.openPart(key);
      await part.discard();
    }
  }

  #findPresent(file: PlannedFile): FetchedBlob | undefined {
    const row = this.#findRow(file);
    if (row?.state !== "intact") return undefined;
    if (file.sizeBytes !== undefined && file.sizeBytes !== row.sizeBytes) {
      throw sizeMismatch(file.sizeBytes, row.sizeBytes);
    }
    try {
      this.deps.store.open(row.digest, row.sizeBytes);
    } catch (error) {
      if (isLarderError(error, "BLOB_MISSING") || isLarderError(error, "BLOB_DAMAGED")) return undefined;
      throw error;
    }
    const { digest, sizeBytes } = row;
    return { digest, sizeBytes, bytesFetched: 0, chunksFetched: 0, release: this.deps.store.pin(digest) };
  }

  #findRow({ digest, gitOid }: PlannedFile): BlobRow | undefined {
    if (digest !== undefined) return this.deps.registry.findBlob(digest);
    return gitOid === undefined ? undefined : this.deps.registry.findBlobByGitOid(gitOid);
  }

  /** Where the bytes come from and what they must be. */
  #request(
    file: PlannedFile,
  ): Pick<DownloadRequest, "mirrors" | "digest" | "gitOid" | "chunks" | "credential"> {
    const credential = this.deps.credential();
    return {
      mirrors: file.urls,
      ...(file.digest === undefined ? {} : { digest: file.digest }),
      ...(file.gitOid === undefined ? {} : { gitOid: file.gitOid }),
      ...(file.chunks === undefined ? {} : { chunks: file.chunks }),
      ...(credential === undefined ? {} : { credential }),
    };
  }

  /** Most bytes at once are fetches in progress times {@link SMALL_BYTES_MAX}. */
  async #fetchSmall(file: PlannedFile, sizeBytes: number, options: FetchOptions): Promise<FetchedBlob> {
    const { bytes, ...outcome } = await this.deps.downloader.downloadSmall({
      ...this.#request(file),
      sizeBytes,
      ...options,
    });
    const release = this.deps.store.pin(outcome.digest);
    return await this.#record(
      file,
      this.deps.store.put(outcome.digest, bytes).then(
        () => ({ ...outcome, release }),
        (error: unknown) => {
          release();
          throw error;
        },
      ),
    );
  }

  async #fetchPlain(file: PlannedFile, options: FetchOptions): Promise<FetchedBlob> {
    const { sizeBytes } = file;
    if (sizeBytes !== undefined && sizeBytes <= SMALL_BYTES_MAX) {
      return await this.#fetchSmall(file, sizeBytes, options);
    }
    const copies = await this.#localChunks(file);
    return await this.#record(
      file,
      this.#withPart(transferKey(file), async (part, space) => {
        const outcome = await this.deps.downloader.download({
          ...this.#request(file),
          ...(file.sizeBytes === undefined ? {} : { sizeBytes: file.sizeBytes }),
          copies,
          ...space.watching(options),
        }, part);
        return await this.#commit(part, outcome);
      }),
    );
  }

  /** Two parts: the source as it comes, which can be resumed, and what it unpacks to. */
  async #fetchEncoded(file: PlannedFile, options: FetchOptions): Promise<FetchedBlob> {
    return await this.#record(
      file,
      this.#withPart(sourceKey(file), async (source, sourceSpace) => {
        const fetched = await this.deps.downloader.download({
          mirrors: file.urls,
          ...(file.sourceDigest === undefined ? {} : { digest: file.sourceDigest }),
          ...(file.sourceSizeBytes === undefined ? {} : { sizeBytes: file.sourceSizeBytes }),
          ...sourceSpace.watching(options),
        }, source);
        const committed = await this.#withPart(transferKey(file), async (part, space) => {
          if (file.sizeBytes !== undefined) await space.hold(file.sizeBytes);
          const digests = await this.#unpack(source, part, file, space, options.signal);
          return await this.#commit(part, { ...fetched, ...digests });
        }, "discard");
        await source.discard();
        return committed;
      }),
    );
  }

  async #unpack(
    source: Part,
    part: Part,
    file: PlannedFile,
    space: HeldSpace,
    signal: AbortSignal,
  ): Promise<Pick<DownloadOutcome, "digest" | "sizeBytes" | "chunkDigests">> {
    const follower = part.follow();
    try {
      const sizeBytes = await this.deps.downloader.decompress({
        fromFd: source.fd,
        toFd: part.fd,
        encoding: file.encoding ?? "gzip",
        maxBytes: file.sizeBytes ?? this.deps.decompressBytesMax,
        signal,
        onProgress: (bytesWritten) => {
          follower.advance(bytesWritten);
          space.noteWritten(bytesWritten);
        },
      });
      follower.advance(sizeBytes);
      const digests = await follower.finish(sizeBytes);
      if (file.sizeBytes !== undefined && file.sizeBytes !== sizeBytes) {
        throw sizeMismatch(file.sizeBytes, sizeBytes);
      }
      if (file.digest !== undefined && file.digest !== digests.digest) {
        throw digestMismatch(file.digest, digests.digest);
      }
      return { ...digests, sizeBytes };
    } finally {
      follower.cancel();
    }
  }

  async #commit(part: Part, outcome: DownloadOutcome): Promise<Committed> {
    const release = this.deps.store.pin(outcome.digest);
    try {
      await part.commit(outcome.digest, outcome.sizeBytes);
      return { ...outcome, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** The row comes last: until it is flushed a crash leaves only a blob that nothing points to. */
  async #record({ gitOid }: PlannedFile, work: Promise<Committed>): Promise<FetchedBlob> {
    const { chunkDigests, ...blob } = await work;
    const { digest, sizeBytes } = blob;
    try {
      const { modifiedMs } = this.deps.store.open(digest, sizeBytes);
      await this.deps.registry.recordBlob({
        ...{ digest, sizeBytes, chunkDigests, modifiedMs },
        ...(gitOid === undefined ? {} : { gitOid }),
      });
      return blob;
    } catch (error) {
      blob.release();
      throw error;
    }
  }

  /** Opens a part for some work and leaves it fit for what follows: committed, kept to be resumed, or gone. */
  async #withPart(
    key: string,
    work: (part: Part, space: HeldSpace) => Promise<Committed>,
    onFailure: "keep" | "discard" = "keep",
  ): Promise<Committed> {
    const part = await this.deps.store.openPart(key);
    const space = new HeldSpace(this.deps.space, part);
    try {
      return await work(part, space);
    } catch (error) {
      const isWorthless = holdsNothing(part) || (isLarderError(error) && WORTHLESS.has(error.code));
      await (onFailure === "discard" || isWorthless ? part.discard() : part.close());
      throw error;
    } finally {
      space.release();
    }
  }

  async #localChunks(file: PlannedFile): Promise<ChunkCopy[]> {
    if (file.chunks === undefined) return [];
    const matches = new Map(
      (await this.deps.registry.findChunks(file.chunks)).map((match) => [match.wanted, match]),
    );
    return file.chunks.flatMap((digest, index) => {
      const match = matches.get(digest);
      return match === undefined
        ? []
        : [{ index, digest, path: this.deps.store.blobPath(match.blob), offset: match.index * CHUNK_BYTES }];
    });
  }
}

/** Bytes without a journal cannot be resumed, and a journal without bytes need not be. */
function holdsNothing(part: Part): boolean {
  return fstatSync(part.journalFd).size === 0 || fstatSync(part.fd).blocks === 0;
}

function sizeMismatch(expected: number, actual: number): LarderError {
  return new LarderError(
    "SIZE_MISMATCH",
    `Cannot keep this file: expected ${expected} bytes, it has ${actual}`,
    {
      field: "size",
      hint: "Check the size and the digest, or name a mirror.",
      details: { expected_bytes: expected, actual_bytes: actual },
    },
  );
}

function digestMismatch(expected: Digest, actual: Digest): LarderError {
  return new LarderError(
    "DIGEST_MISMATCH",
    `Cannot keep this file: expected sha256 ${expected}, got ${actual}`,
    {
      field: "sha256",
      hint:
        "Check whether the digest is that of the file or of the compressed source (digest_of), or name another mirror.",
      details: { expected, actual },
    },
  );
}
