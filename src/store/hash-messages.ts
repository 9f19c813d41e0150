import type { Digest } from "../core/index.ts";

/** What goes between the store and its hash threads. Descriptors are numbers that every thread of the process may use. */
export interface FollowRequest {
  readonly id: number;
  readonly fd: number;
  readonly recorded: ReadonlyArray<readonly [index: number, digest: Digest]>;
  readonly expected: ReadonlyArray<readonly [index: number, digest: Digest]>;
}

/** A run of chunks of one blob, to be compared with digests that are known. */
export interface ChunkPiece {
  readonly path: string;
  readonly sizeBytes: number;
  readonly firstChunk: number;
  /** 32 bytes for each chunk of the run. */
  readonly expected: Uint8Array;
}

export interface PieceOutcome {
  readonly state: "present" | "missing";
  /** The file has the right length and is a regular file. */
  readonly isWhole: boolean;
  readonly badChunks: readonly number[];
  /** The file's time of change when it was opened. */
  readonly modifiedMs?: number;
}

/** A blob read from start to end, because its chunk digests are not known or not trusted. */
export interface WholeRequest {
  readonly path: string;
  readonly sizeBytes: number;
  readonly digest: Digest;
}

export interface WholeOutcome {
  readonly state: "intact" | "damaged" | "missing";
  /** State intact only. */
  readonly chunkDigests?: Uint8Array;
  /** As of {@link PieceOutcome}. */
  readonly modifiedMs?: number;
}

export interface TakeRequest {
  readonly sourceFd: number;
  /** Where the bytes are written that are hashed; absent to hash only. */
  readonly targetFd?: number;
}

export interface Taken {
  readonly digest: Digest;
  readonly chunkDigests: Uint8Array;
  readonly sizeBytes: number;
}

/** `id` is the follower's, or the job's that the call was made for. */
export type HashEvent =
  | { readonly type: "chunk"; readonly id: number; readonly index: number; readonly digest: Digest }
  | { readonly type: "bad"; readonly id: number; readonly index: number }
  | { readonly type: "progress"; readonly id: number; readonly bytes: number };
