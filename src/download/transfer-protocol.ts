import type { Digest, ErrorRecord } from "../core/index.ts";
import type { NetPolicy } from "../net/index.ts";
import type { ChunkCopy, DownloadCredential, TransferTuning } from "./types.ts";

/** What the transfer worker is told once, before its first job. */
export interface TransferSetup {
  readonly net: NetPolicy;
  readonly tuning: TransferTuning;
  readonly rateBytesPerS: number;
  readonly connections: number;
}

/** One run over a part. Structured-cloned to the worker. */
export interface TransferJob {
  readonly id: number;
  /** Descriptors of the part and its journal; absent for a small file that is answered with its bytes. */
  readonly files?: { readonly fd: number; readonly journalFd: number };
  readonly mirrors: readonly string[];
  readonly digest?: Digest;
  readonly gitOid?: string;
  readonly sizeBytes?: number;
  readonly credential?: DownloadCredential;
  readonly copies: readonly ChunkCopy[];
  readonly group: string;
  /** Every chunk can be checked by itself, so bytes of different mirrors may be mixed. */
  readonly chunksKnown: boolean;
  /** Ignore what is there. */
  readonly fresh: boolean;
  /** Take all bytes from one mirror: going on with another one starts from zero. */
  readonly unmixed: boolean;
  /** Chunks that are there but wrong. */
  readonly refetch: readonly number[];
}

export interface TransferOutcome {
  readonly totalBytes: number;
  /** Of a file that is one chunk at most; longer ones are hashed by the follower. */
  readonly digest?: Digest;
  /** Git's name of the file, when the job named one. */
  readonly gitOid?: string;
  /** The whole file, when the job named no descriptors. */
  readonly bytes?: Uint8Array;
  readonly bytesFetched: number;
  readonly chunksFetched: number;
  /** Indexes of the mirrors that bytes came from. */
  readonly contributors: readonly number[];
  /** Some bytes were there before this run. */
  readonly resumed: boolean;
}

export type TransferEvent =
  /** The worker waits for `go` before it writes. Comes again when it starts from zero. */
  | {
    readonly type: "begin";
    readonly job: number;
    readonly totalBytes: number | undefined;
    /** Nothing of what was there is kept. */
    readonly fresh: boolean;
    readonly recorded: ReadonlyArray<readonly [number, Digest]>;
  }
  | {
    readonly type: "progress";
    readonly job: number;
    readonly frontBytes: number;
    readonly bytesDone: number;
    readonly bytesFetched: number;
    readonly connections: number;
    readonly resumable: boolean | undefined;
  };

export type TransferResult =
  | { readonly ok: true; readonly outcome: TransferOutcome }
  | {
    readonly ok: false;
    readonly error: ErrorRecord | undefined;
    readonly contributors: readonly number[];
    readonly bytesFetched: number;
  };
