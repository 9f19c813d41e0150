import type { ErrorRecord } from "../core/index.ts";
import type { PullState } from "../registry/index.ts";
import type { SkippedVariantView } from "./hub-types.ts";

export interface PullFileRequest {
  readonly path: string;
  /** Mirrors of the same bytes, tried in order. */
  readonly urls: readonly string[];
  readonly sha256?: string;
  readonly size?: number;
  /** What `sha256` and `size` are of, for a source that ends in .gz or .zst: the file after decompression (default), or the source. */
  readonly digest_of?: "file" | "source";
  /** `auto` decompresses .gz and .zst sources and drops that ending from the path; `none` keeps the bytes as they come. */
  readonly decompress?: "auto" | "none";
  /** Digests of the file's 5 MiB chunks when they are known: chunks that a local blob has are copied, not downloaded. */
  readonly chunks?: readonly string[];
}

export interface PullRequest {
  readonly model: string;
  /** The version to make. Absent: the first 12 digits of a digest over paths and file digests. */
  readonly revision?: string;
  readonly variant?: string;
  /** Files by their addresses. Absent: the model is a hub repository. */
  readonly files?: readonly PullFileRequest[];
  /** Of a hub repository: the files whose paths match one of these globs, instead of a variant. */
  readonly patterns?: readonly string[];
  /**
   * Of a hub repository, when the variant cannot be pulled: the next smaller ones of its format, these by name, or none. Default:
   * `smaller` when no variant was named, else `none`.
   */
  readonly fallback?: "none" | "smaller" | readonly string[];
  /** Never asks the hub: what is not here is an error. */
  readonly offline?: boolean;
  /** Aliases to move to the version when it is there. */
  readonly aliases?: readonly string[];
}

export interface PullFileView {
  readonly path: string;
  readonly url: string;
  readonly state: PullState;
  readonly sha256: string | null;
  readonly bytes_done: number;
  readonly bytes_total: number | null;
  /** Fetched from upstream in this process: excludes what was resumed, present or copied. */
  readonly bytes_fetched: number;
  readonly connections: number;
  /** False when the server refused ranges: a cut then means from the start. */
  readonly resumable: boolean | null;
}

export interface PullView {
  readonly id: string;
  readonly model: string;
  readonly version: string | null;
  readonly variant: string;
  /** Variants that were tried before `variant`, in order, and what kept each from being pulled. */
  readonly skipped: readonly SkippedVariantView[];
  readonly state: PullState;
  readonly bytes_done: number;
  readonly bytes_total: number | null;
  readonly rate_bytes_per_s: number;
  readonly eta_s: number | null;
  readonly created_at: number;
  readonly finished_at: number | null;
  readonly files: readonly PullFileView[];
  readonly error: ErrorRecord | null;
}

export interface PullLimits {
  /** 0 means unlimited. */
  readonly rate_bytes_per_s: number;
  readonly pulls_at_once: number;
  readonly connections_per_pull: number;
}
