import type { ByteRange, Digest } from "../core/index.ts";

/** A committed blob, checked to be a regular file of the right length. `path` stays readable until the next sweep. */
export interface OpenedBlob {
  readonly path: string;
  readonly sizeBytes: number;
  /** The file's time of change. */
  readonly modifiedMs: number;
}

/** What is known of a blob: all that verification and serving need from outside the store. */
export interface BlobInfo {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** 32 bytes a chunk, in order; absent when the blob was never read through. */
  readonly chunkDigests?: Uint8Array;
}

/** The digests that reading all bytes of a part once gives. */
export interface PartDigests {
  readonly digest: Digest;
  /** 32 bytes a chunk, in order. */
  readonly chunkDigests: Uint8Array;
}

/** Hashes a part behind its writer, in another thread. */
export interface PartFollower {
  /** All bytes before this offset are written. Never goes back. */
  advance(frontBytes: number): void;
  /** A chunk that was reported by `onBadChunk` has been written again. */
  chunkRewritten(index: number): void;
  /** Call once, after the last `advance`: resolves when all `sizeBytes` are hashed. */
  finish(sizeBytes: number): Promise<PartDigests>;
  cancel(): void;
}

export interface FollowOptions {
  /** Chunks of an earlier process with the digests that it recorded: they are checked again on the way. */
  readonly recorded?: ReadonlyMap<number, Digest>;
  /** What chunks have to be, by somebody who knows: they are checked each time, also after they were written again. */
  readonly expected?: ReadonlyMap<number, Digest>;
  /** A chunk was hashed. Called in order of index. */
  readonly onChunk?: (index: number, digest: Digest) => void;
  /** A chunk does not have its recorded digest (a power cut lost it) or the expected one: write it again, then call `chunkRewritten`. */
  readonly onBadChunk?: (index: number) => void;
}

/**
 * A file being written under `incoming/`, held open by this process. Descriptors are numbers that every thread of the
 * process may use. One `Part` per key at a time; the library's single flight sees to that.
 */
export interface Part {
  readonly key: string;
  readonly path: string;
  /** Opened for reading and writing, without following links. */
  readonly fd: number;
  /** `<key>.journal` beside it, opened for reading and appending; what it holds belongs to download. */
  readonly journalFd: number;
  follow(options?: FollowOptions): PartFollower;
  /**
   * fsync → still the named file and of this size → rename → fsync folder. Afterwards the part is closed and its journal gone.
   * The caller has compared the digest, and cut off what is behind the end: nothing unverified ever gets a final name.
   *
   * On an error the part stays open, but for a failed flush, after which it is discarded.
   *
   * @throws {LarderError} IO when the part was deleted or replaced meanwhile; NO_SPACE, READONLY, STORE_GONE.
   */
  commit(digest: Digest, sizeBytes: number): Promise<void>;
  /** Closes and deletes part and journal. */
  discard(): Promise<void>;
  /** Flushes and closes; both files stay for a later resume. */
  close(): Promise<void>;
}

/** Disk space that is promised to one transfer. Release it when the bytes are written or given up. */
export interface Reservation {
  /** So many of the promised bytes are on disk by now: free space has already shrunk by them. */
  used(bytes: number): void;
  release(): void;
}

export interface VerifyOutcome {
  readonly digest: Digest;
  readonly state: "intact" | "damaged" | "missing";
  readonly sizeBytes: number;
  /** Indexes of bad chunks, in order: all when the file is missing; those beyond the end of a cut file; the last of one that grew. */
  readonly badChunks: readonly number[];
  /** Digests of all chunks, for a blob that came without them (state intact only). */
  readonly chunkDigests?: Uint8Array;
  /** The file's time of change before it was read; absent when it changed meanwhile (state intact only). */
  readonly modifiedMs?: number;
}

/** Some chunks of a blob, by index; the end excluded. */
export interface ChunkSpan {
  readonly first: number;
  readonly end: number;
}

export interface ChunkCheck {
  /** They are as the table says, in a regular file of the right length. */
  readonly isRight: boolean;
  readonly modifiedMs?: number;
}

export interface VerifyOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (bytesDone: number) => void;
  readonly onOutcome?: (outcome: VerifyOutcome) => void;
}

export interface SweepOptions {
  /** Digests that some row points to. */
  readonly alive: ReadonlySet<string>;
  /** Part keys that some unfinished pull will resume. */
  readonly aliveParts: Pick<ReadonlySet<string>, "has">;
  /** Files younger than this stay, whatever points to them. */
  readonly graceS: number;
  readonly dryRun: boolean;
}

export interface SweepOutcome {
  readonly blobs: ReadonlyArray<{ readonly digest: Digest; readonly sizeBytes: number }>;
  readonly parts: ReadonlyArray<{ readonly key: string; readonly sizeBytes: number }>;
  readonly bytesFreed: number;
}

/** What lies in `incoming/` under one key: a part and its journal. */
export interface StoredPart {
  readonly key: string;
  /** What it takes of the disk: a part that was only begun is as long as it will be, and mostly holes. */
  readonly diskBytes: number;
  /** Unix seconds of the last write. */
  readonly writtenAtS: number;
}

export type ImportMode = "auto" | "reflink" | "hardlink" | "copy";

export interface ImportedFile extends PartDigests {
  readonly sizeBytes: number;
  /** How the bytes came in. */
  readonly mode: "reflink" | "hardlink" | "copy" | "present";
}

/** One file of a view: a real name for a blob. */
export interface ViewFile {
  readonly path: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** One file of a hub view. */
export interface HubViewFile extends ViewFile {
  /** Git's name of the content (SHA-1), when the hub knows it by that; otherwise it is known by its SHA-256. */
  readonly gitOid?: string;
}

/** A version as the hub's own tools keep it. */
export interface HubViewContent {
  readonly files: readonly HubViewFile[];
  /** What the version can be asked for by beside its own name: branches and aliases, without slashes. */
  readonly refs: readonly string[];
}

export interface HubView {
  /** What the hub's own tools are told as their cache. */
  readonly cacheFolder: string;
  /** Holds the files by their names, as links. */
  readonly snapshotFolder: string;
}

export interface DiskSpace {
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly reservedBytes: number;
}

/** Something that keeps the store from writing, or from keeping what it writes. Reads may work all the same. */
export interface StoreProblem {
  readonly part: "store" | "disk" | "durability";
  readonly reason: string;
}

export interface BlobStore {
  /** @throws {LarderError} BLOB_MISSING, BLOB_DAMAGED (another length), UNSAFE_PATH (not a regular file), STORE_GONE. */
  open(digest: Digest, sizeBytes: number): OpenedBlob;
  /** Reads a range into memory: for what has a small, stated limit. Opens, checks and closes in one go. */
  read(digest: Digest, sizeBytes: number, range: ByteRange): Uint8Array;
  has(digest: Digest): boolean;
  /** Where a committed blob lies; says nothing of its presence. */
  blobPath(digest: Digest): string;
  /** Every blob on disk, for a rebuild and for checks. */
  scan(): AsyncIterable<{ readonly digest: Digest; readonly sizeBytes: number }>;

  /**
   * Opens the part of a key, new or left by an earlier process.
   *
   * @param key A digest, or `u-` and 64 hex digits for bytes whose digest is not known yet.
   */
  openPart(key: string): Promise<Part>;
  /** Commits small bytes that are in memory and whose digest was compared; durable when it resolves. The bytes move: they are gone for the caller. @throws {LarderError} NO_SPACE, READONLY, ... */
  put(digest: Digest, bytes: Uint8Array): Promise<void>;
  /** @throws {LarderError} NO_SPACE when free space minus what is reserved does not hold `bytes`, NO_INODES, READONLY. */
  reserve(bytes: number): Promise<Reservation>;
  space(): Promise<DiskSpace>;
  /** What is wrong now: the home is gone, the disk is read-only or closed to this user, or it cannot flush. Looks, writes nothing. */
  problems(): StoreProblem[];

  /** Reads blobs with as many threads as there are cores. Changes nothing. */
  verify(blobs: Iterable<BlobInfo>, options?: VerifyOptions): Promise<VerifyOutcome[]>;
  /**
   * Reads some chunks of a blob in one thread, for whoever goes through everything slowly.
   *
   * @throws {LarderError} BAD_STATE for a blob without the digests of its chunks: see `verify`.
   */
  checkChunks(blob: BlobInfo, span: ChunkSpan, signal?: AbortSignal): Promise<ChunkCheck>;
  /**
   * Takes a damaged blob out of `blobs/`: it becomes the part of its own digest, to be resumed. Returns that part's key, or
   * undefined when there was no file.
   */
  quarantine(digest: Digest): Promise<string | undefined>;
  /** Unlinks one blob; open readers finish. False for a pinned one, which stays until a sweep. */
  remove(digest: Digest): Promise<boolean>;
  sweep(options: SweepOptions): Promise<SweepOutcome>;
  /** Everything in `incoming/`, what this process has open included. */
  parts(): Promise<StoredPart[]>;
  /** Deletes a part and its journal. False for one that is open. */
  removePart(key: string): Promise<boolean>;
  /** While pinned, a digest is neither swept nor removed. Counted; call the function once to unpin. */
  pin(digest: Digest): () => void;
  isPinned(digest: Digest): boolean;

  /**
   * Takes a local file in: hash, then link or copy, durable when it resolves. Whoever pins the blob in the same turn of the event loop
   * has it for sure: until then nobody can have removed it.
   *
   * @throws {LarderError} BAD_SOURCE, DIGEST_MISMATCH
   */
  importFile(path: string, options: {
    readonly mode: ImportMode;
    readonly expected?: Digest;
    readonly signal?: AbortSignal;
    readonly onProgress?: (bytesDone: number) => void;
  }): Promise<ImportedFile>;

  /**
   * Makes `views/<model>/<version>` hold exactly these files by name (reflink, else hard link, else copy, 0444); returns the folder.
   * `viewPath` tells where in it a file lies.
   */
  makeView(model: string, version: string, files: readonly ViewFile[]): Promise<string>;
  /**
   * Makes `hub-cache/` hold these files of a version in the layout of the hub's own tools, which may add their own downloads to it. Its
   * blobs share their bytes with the store's where the file system can.
   *
   * @throws {LarderError} BAD_NAME for a model that no hub could have, BAD_PATH for names that this file system cannot keep exactly.
   */
  makeHubView(model: string, version: string, content: HubViewContent): Promise<HubView>;
  /** Takes files out of both kinds of views; the others stay where they are, for whoever uses them. */
  trimView(model: string, version: string, paths: readonly string[]): Promise<void>;
  /** Both kinds of views; what others put into the hub cache stays. */
  removeView(model: string, version: string): Promise<void>;

  /** Durable small JSON documents below `manifests/`. */
  writeManifest(model: string, version: string, manifest: unknown): Promise<void>;
  removeManifest(model: string, version: string): Promise<void>;
  /** When a model's folder last came or went below `manifests/`, in milliseconds since 1970; 0 when it is not there. */
  manifestsModifiedMs(): number;
  /** Every readable manifest; unreadable ones are logged and passed over. */
  readManifests(): AsyncIterable<unknown>;

  close(): Promise<void>;
}
