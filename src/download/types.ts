import type { Digest } from "../core/index.ts";
import type { NetPolicy } from "../net/index.ts";

/** Hashes what is written, behind the writer. @see the store's part, which has this shape. */
export interface SinkFollower {
  advance(frontBytes: number): void;
  chunkRewritten(index: number): void;
  finish(sizeBytes: number): Promise<{ readonly digest: Digest; readonly chunkDigests: Uint8Array }>;
  cancel(): void;
}

/** Where bytes go: descriptors that any thread of this process may use. */
export interface DownloadSink {
  readonly fd: number;
  readonly journalFd: number;
  follow(options: {
    readonly recorded?: ReadonlyMap<number, Digest>;
    readonly expected?: ReadonlyMap<number, Digest>;
    readonly onChunk?: (index: number, digest: Digest) => void;
    readonly onBadChunk?: (index: number) => void;
  }): SinkFollower;
}

/** A chunk of the wanted file that lies in a local file. */
export interface ChunkCopy {
  readonly index: number;
  readonly path: string;
  readonly offset: number;
  readonly digest: Digest;
}

/** How patient a transfer is. Plain data: it goes to the worker. */
export interface TransferTuning {
  /** No byte for this long is a failure. */
  readonly stallMs: number;
  /** Fewer than `crawlBytesPerS` over `crawlMs` is a failure. */
  readonly crawlMs: number;
  readonly crawlBytesPerS: number;
  /** Tries per mirror without progress. */
  readonly tries: number;
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
}

export interface DownloaderOptions {
  readonly net: NetPolicy;
  readonly tuning: TransferTuning;
  /** 0 means unlimited. */
  readonly rateBytesPerS: number;
  /** Most connections of one group. */
  readonly connections: number;
}

export interface DownloadProgress {
  /** Bytes that are on disk: resumed, copied and fetched. */
  readonly bytesDone: number;
  readonly totalBytes: number | undefined;
  /** Bytes that came over the network in this run. */
  readonly bytesFetched: number;
  readonly connections: number;
  /** False when the server has no ranges; undefined before the first answer. */
  readonly resumable: boolean | undefined;
}

/** Who asks, for one server and no other. Never shown, written down or logged. */
export interface DownloadCredential {
  /** As `URL.origin` gives it: scheme, host and port, without a slash at the end. */
  readonly origin: string;
  /** The value of the header: `Bearer ...`. */
  readonly authorization: string;
}

export interface DownloadRequest {
  /** Mirrors of the same bytes, in order of preference. Absolute addresses, with whatever secrets they need. */
  readonly mirrors: readonly string[];
  readonly digest?: Digest;
  /**
   * Git's name of the file, 40 lower-case hexadecimal digits: it decides as a digest does. For files of a few tens of MB at most, since
   * they are read once more at the end.
   */
  readonly gitOid?: string;
  readonly sizeBytes?: number;
  /** Sent only to mirrors of its origin, and along redirects only while they stay there. */
  readonly credential?: DownloadCredential;
  /** Digests of all chunks, when they are known: a wrong chunk is then fetched again by itself. */
  readonly chunks?: readonly Digest[];
  /** Chunks to copy from local files before anything is fetched. */
  readonly copies?: readonly ChunkCopy[];
  /** Downloads of one group, such as the files of a pull, share the limit of connections; each has one in any case. */
  readonly group: string;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: DownloadProgress) => void;
  /**
   * Called before the first byte is written, when the length is known; again when it starts from zero. Has settled before the
   * download has. Rejecting ends the download.
   */
  readonly onTotal?: (totalBytes: number) => Promise<void>;
}

export interface DownloadOutcome {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** 32 bytes a chunk, in order. */
  readonly chunkDigests: Uint8Array;
  readonly bytesFetched: number;
  readonly chunksFetched: number;
}

/**
 * Upstream bytes into the sink that it is given. A failure leaves sink and journal as they are, to be resumed by the next
 * call with the same sink. The caller commits.
 */
export interface Downloader {
  /**
   * @throws {LarderError} DIGEST_MISMATCH, SIZE_MISMATCH, LENGTH_UNKNOWN, UPSTREAM_*, RANGE_MISMATCH, SSRF_BLOCKED, REDIRECT, DNS, TLS,
   * NO_SPACE, READONLY, IO; the signal's reason when it aborts.
   */
  download(request: DownloadRequest, sink: DownloadSink): Promise<DownloadOutcome>;
  /**
   * Fetches a file into memory: for small files of known length, whose parts and journals would cost more than their bytes.
   *
   * @throws {LarderError} As {@link download}.
   */
  downloadSmall(
    request: DownloadRequest & { readonly sizeBytes: number },
  ): Promise<DownloadOutcome & { readonly bytes: Uint8Array }>;
  setRate(bytesPerS: number): void;
  /** Takes effect while downloads run. */
  setConnections(connections: number): void;
  /**
   * Decompresses one open file into another, from start to end.
   *
   * @param maxBytes DECOMPRESS_LIMIT beyond it.
   * @returns The length of the result.
   */
  decompress(options: {
    readonly fromFd: number;
    readonly toFd: number;
    readonly encoding: "gzip" | "zstd";
    readonly maxBytes: number;
    readonly signal: AbortSignal;
    readonly onProgress?: (bytesWritten: number) => void;
  }): Promise<number>;
  close(): void;
}
