import type { BestMetric, Digest, ErrorRecord, VersionMetrics } from "../core/index.ts";
import type { ListingRegistry } from "./listing-types.ts";
import type { UseRegistry } from "./use-types.ts";

export type * from "./listing-types.ts";
export type * from "./use-types.ts";

export type BlobState = "intact" | "damaged" | "missing";

export interface BlobRow {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** 32 bytes a chunk, in order. */
  readonly chunkDigests?: Uint8Array;
  readonly state: BlobState;
  readonly verifiedAtS?: number;
  /** The file's time of change when its bytes were last seen to be right; absent when nobody noted it. */
  readonly modifiedMs?: number;
}

export interface FileRow {
  readonly path: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface LocatedFile extends FileRow {
  readonly state: BlobState;
  /** As {@link BlobRow.modifiedMs}. */
  readonly modifiedMs: number | null;
}

export type VariantStatus = "available" | "downloading" | "downloaded" | "failed";

export interface VariantRecord {
  readonly name: string;
  readonly status: VariantStatus;
  /** Paths of the version's files that this variant is made of. */
  readonly paths: readonly string[];
}

/** Where a file came from: addresses to ask again (their secrets removed), in order, or a local path. */
export interface FileSource {
  readonly kind: "url" | "path";
  readonly location: string;
  /** The bytes at `location` are this encoding of the file; such a source cannot give single chunks. */
  readonly encoding?: "gzip" | "zstd";
}

export interface VersionFile extends FileRow {
  readonly sources: readonly FileSource[];
  /** Git's name of the content (SHA-1 of `blob <length>\0` and the bytes), of a file that its repository keeps outside of LFS. */
  readonly gitOid?: string;
}

/** What a hub repository offers at one commit, as it was last asked. */
export interface ScanRow {
  readonly model: string;
  /** The commit. */
  readonly version: string;
  readonly scannedAtS: number;
  /** JSON-able; what is in it is the library's affair. */
  readonly document: unknown;
}

/** How the last try to pull a variant ended, when it did not end well. */
export interface VariantNote {
  readonly model: string;
  readonly version: string;
  readonly variant: string;
  readonly bytesDone: number;
  readonly error: ErrorRecord;
  readonly updatedAtS: number;
}

/** One version with all that belongs to it: what `putVersion` writes and a manifest document holds. */
export interface VersionRecord {
  readonly model: string;
  readonly version: string;
  readonly createdAtS: number;
  readonly files: readonly VersionFile[];
  readonly variants: readonly VariantRecord[];
  /** Absent when there are none. */
  readonly metrics?: VersionMetrics;
}

export interface VersionRow extends VersionRecord {
  readonly sizeBytes: number;
}

export interface ModelRow {
  readonly model: string;
  readonly createdAtS: number;
  readonly updatedAtS: number;
  /** Newest first. */
  readonly versions: ReadonlyArray<
    {
      readonly version: string;
      readonly createdAtS: number;
      readonly sizeBytes: number;
      readonly files: number;
      /** Absent when there are none. */
      readonly metrics?: VersionMetrics;
    }
  >;
  readonly aliases: Readonly<Record<string, string>>;
  /** What `best` stands for, and by which metric; absent when no version has it. */
  readonly best?: { readonly version: string; readonly metric: string };
}

/** A line of the listing. Sizes count each blob once per version. */
export interface ModelListRow {
  readonly model: string;
  readonly versionCount: number;
  /** What `latest` stands for. */
  readonly latest: string;
  readonly sizeBytes: number;
  readonly updatedAtS: number;
}

export interface ListQuery {
  /** Part of a name, any case; `%` and `_` mean themselves. */
  readonly q?: string;
  readonly limit: number;
  /** The last model of the page before. */
  readonly after?: string;
}

export type PullState = "queued" | "running" | "paused" | "done" | "failed" | "cancelled";

export interface PullFileRow {
  readonly path: string;
  /** Shown and stored without secrets. */
  readonly urls: readonly string[];
  readonly sizeBytes?: number;
  readonly digest?: Digest;
  readonly bytesDone: number;
  readonly state: PullState;
}

export interface PullRow {
  readonly id: string;
  readonly model: string;
  readonly version?: string;
  readonly variant: string;
  readonly state: PullState;
  readonly createdAtS: number;
  readonly updatedAtS: number;
  readonly finishedAtS?: number;
  /** The request as it may be stored, to go on in another process; absent when it held secrets. JSON-able. */
  readonly request?: unknown;
  readonly error?: ErrorRecord;
  readonly files: readonly PullFileRow[];
}

export interface TokenRow {
  readonly id: string;
  readonly name: string;
  /** SHA-256 of the secret; the secret itself is kept nowhere. */
  readonly digest: Digest;
  readonly scopes: readonly string[];
  readonly createdAtS: number;
  readonly expiresAtS?: number;
}

/** Chunks of local blobs that have wanted bytes. */
export interface ChunkMatch {
  readonly wanted: Digest;
  readonly blob: Digest;
  readonly blobSizeBytes: number;
  readonly index: number;
}

/**
 * All SQL. Reads answer at once from this thread's own connection; writes go to one writer thread, which commits what is
 * waiting together, and resolve when the commit is flushed. Writes reject with BUSY, NO_SPACE, READONLY, IO or STORE_GONE.
 */
export interface Registry extends UseRegistry, ListingRegistry {
  findBlob(digest: Digest): BlobRow | undefined;
  /** Blobs in order of digest, after one; for walks over everything in pages. */
  blobsAfter(after: string, limit: number): BlobRow[];
  /** Blobs that are damaged or missing and that somebody wants: see {@link isWanted}. In order of digest. */
  lostBlobs(limit: number): BlobRow[];
  /** How many there are, at most `limit`. */
  countLost(limit: number): number;
  /** True when a file needs the digest that is part of a variant which is here, or of none. */
  isWanted(digest: Digest): boolean;
  /** Digests that a file of some version points to. */
  aliveDigests(): Set<string>;
  /** Digests of rows that no file points to: of blobs that are on their way in, or were, or whose row outlived them. */
  orphanDigests(): Digest[];
  isReferenced(digest: Digest): boolean;
  /** Sources of every file with this digest, without duplicates. */
  sourcesOf(digest: Digest): FileSource[];
  /** The models, versions and paths that point to a digest, at most `limit`. */
  namesOf(
    digest: Digest,
    limit: number,
  ): Array<{ readonly model: string; readonly version: string; readonly path: string }>;

  hasModel(model: string): boolean;
  findModel(model: string): ModelRow | undefined;
  /**
   * A version, or else an alias to a version; undefined when unknown. Computed are `latest` (highest stable semver, else newest) and
   * `best` (the best value of the metric of {@link setBestMetric}, else of the first of BEST_METRICS that a version has).
   */
  resolveVersion(model: string, versionOrAlias: string): string | undefined;
  findVersion(model: string, version: string): VersionRow | undefined;
  /** With the state of its blob: all that serving needs in one look. */
  findFile(model: string, version: string, path: string): LocatedFile | undefined;
  listModels(query: ListQuery): ModelListRow[];

  /** A blob by Git's name of its content, when it came with one. */
  findBlobByGitOid(gitOid: string): BlobRow | undefined;
  findScan(model: string, version: string): ScanRow | undefined;
  /** Of a version, by variant. */
  variantNotes(model: string, version: string): VariantNote[];

  findPull(id: string): PullRow | undefined;
  /** Newest first. */
  listPulls(options: { readonly limit: number; readonly states?: readonly PullState[] }): PullRow[];
  findTokenByDigest(digest: Digest): TokenRow | undefined;
  listTokens(): TokenRow[];
  getSetting(key: string): string | undefined;
  /** Rows per table and the schema's number, for doctor and health. */
  stats(): {
    readonly schema: number;
    readonly models: number;
    readonly versions: number;
    readonly blobs: number;
    readonly blobBytes: number;
  };

  /**
   * Grows whenever a write ended that may have changed a name, a digest or a state: what was read at the same number still holds.
   */
  generation(): number;

  recordBlob(
    blob: {
      readonly digest: Digest;
      readonly sizeBytes: number;
      readonly chunkDigests?: Uint8Array;
      /** Known beside what is known already; one blob has one. */
      readonly gitOid?: string;
      /** Its bytes were just seen to be right, in a file with this time of change. */
      readonly modifiedMs?: number;
    },
  ): Promise<void>;
  setBlobState(digest: Digest, state: BlobState): Promise<void>;
  /** `durable: false` may be lost in a power cut: the bytes are then read again. */
  setVerified(
    digests: ReadonlyArray<
      { readonly digest: Digest; readonly chunkDigests?: Uint8Array; readonly modifiedMs?: number }
    >,
    atS: number,
    options?: { readonly durable?: boolean },
  ): Promise<void>;
  /** Deletes the rows; a blob that some file still points to stays, as `missing`. */
  forgetBlobs(digests: readonly Digest[]): Promise<void>;
  /** Which of these chunk digests some intact local blob has; one place each. */
  findChunks(wanted: readonly Digest[]): Promise<ChunkMatch[]>;

  /**
   * Writes model, version, variants, files and sources in one transaction; an existing version is replaced wholly. A file whose blob
   * was never recorded gets one in state `missing`.
   *
   * @throws {LarderError} SIZE_MISMATCH with a recorded blob.
   */
  putVersion(record: VersionRecord): Promise<void>;
  /**
   * Removes one version with its notes, or the model with everything, its scans too. Returns digests that nothing points to any more.
   *
   * @param options.keepsWishes The model may come back: what was set for it, and when it was used, stays also without a version.
   * @throws {LarderError} MODEL_NOT_FOUND, VERSION_NOT_FOUND
   */
  removeVersion(
    model: string,
    version?: string,
    options?: { readonly keepsWishes?: boolean },
  ): Promise<Digest[]>;
  /** @throws {LarderError} MODEL_NOT_FOUND, VERSION_NOT_FOUND; BAD_ALIAS for the name of a version of this model. */
  setAlias(model: string, alias: string, version: string): Promise<void>;
  removeAlias(model: string, alias: string): Promise<boolean>;
  /** What `best` goes by from now on; undefined goes back to the default. Forgotten with the model. @throws {LarderError} MODEL_NOT_FOUND */
  setBestMetric(model: string, best: BestMetric | undefined): Promise<void>;

  /** Inserts or replaces. Of one model the 16 newest are kept, and those of versions that are here; the notes of the others go too. */
  putScan(scan: ScanRow): Promise<void>;
  /** Inserts or replaces. */
  putVariantNote(note: VariantNote): Promise<void>;
  removeVariantNote(model: string, version: string, variant: string): Promise<void>;

  /** Inserts or replaces; `durable: false` is for progress and may be lost in a power cut. */
  putPull(pull: PullRow, options?: { readonly durable?: boolean }): Promise<void>;
  putToken(token: TokenRow): Promise<void>;
  removeToken(id: string): Promise<boolean>;
  /** Inserts or replaces; `durable: false` may be lost in a power cut. */
  setSetting(key: string, value: string, options?: { readonly durable?: boolean }): Promise<void>;

  close(): Promise<void>;
}
