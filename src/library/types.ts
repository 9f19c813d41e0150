import type { ErrorRecord } from "../core/index.ts";
import type { PullState, VariantStatus } from "../registry/index.ts";

// The shapes below are what the HTTP API and `--json` show: snake_case keys, Unix seconds, bytes.

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
  readonly files: readonly PullFileRequest[];
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

export interface ModelSummary {
  readonly model: string;
  readonly version_count: number;
  readonly latest: string;
  readonly size_bytes: number;
  readonly updated_at: number;
}

export interface ModelPage {
  readonly models: readonly ModelSummary[];
  readonly total: number;
  readonly next_cursor: string | null;
}

export interface FileView {
  readonly path: string;
  readonly sha256: string;
  readonly size_bytes: number;
  readonly state: "intact" | "damaged" | "missing";
  readonly sources: readonly string[];
}

export interface VersionView {
  readonly version: string;
  readonly created_at: number;
  readonly size_bytes: number;
  readonly variants: ReadonlyArray<
    { readonly name: string; readonly status: VariantStatus; readonly files: readonly string[] }
  >;
  readonly files: readonly FileView[];
}

export interface ModelView {
  readonly model: string;
  /** The version that the reference stands for, in full. */
  readonly version: VersionView;
  readonly versions: ReadonlyArray<
    {
      readonly version: string;
      readonly created_at: number;
      readonly size_bytes: number;
      readonly files: number;
    }
  >;
  readonly aliases: Readonly<Record<string, string>>;
}

export interface RemoveView {
  readonly model: string;
  readonly versions: readonly string[];
  readonly bytes_freed: number;
}

export interface PathView {
  readonly model: string;
  readonly version: string;
  /** The folder with real file names. */
  readonly folder: string;
  readonly files: ReadonlyArray<
    { readonly path: string; readonly local_path: string; readonly size_bytes: number }
  >;
}

export interface ImportRequest {
  /** An absolute path of a file or a folder. */
  readonly path: string;
  readonly model: string;
  readonly version?: string;
  readonly variant?: string;
  readonly mode?: "auto" | "reflink" | "hardlink" | "copy";
  /** Of a single file. */
  readonly sha256?: string;
  readonly aliases?: readonly string[];
}

export interface ImportView {
  readonly model: string;
  readonly version: string;
  readonly variant: string;
  readonly files: ReadonlyArray<
    { readonly path: string; readonly sha256: string; readonly size_bytes: number; readonly mode: string }
  >;
}

/** Which blobs an upkeep job looks at: a reference (`iris@1.2.0`), a digest, or everything. */
export interface UpkeepRequest {
  readonly targets?: readonly string[];
  readonly dry_run?: boolean;
  /** gc only: files younger than this stay. */
  readonly grace_s?: number;
}

export interface DamageView {
  readonly sha256: string;
  readonly size_bytes: number;
  readonly state: "damaged" | "missing";
  readonly bad_chunks: readonly number[];
  readonly chunk_count: number;
  /** Files that have these bytes, `model@version/path`, at most 10. */
  readonly used_by: readonly string[];
}

export type JobKind = "verify" | "repair" | "gc" | "import";

export interface JobView {
  readonly id: string;
  readonly kind: JobKind;
  readonly state: "running" | "done" | "failed" | "cancelled";
  readonly bytes_done: number;
  readonly bytes_total: number | null;
  readonly created_at: number;
  readonly finished_at: number | null;
  readonly dry_run: boolean;
  readonly result: VerifyResult | RepairResult | GcResult | ImportView | null;
  readonly error: ErrorRecord | null;
}

export interface VerifyResult {
  readonly blobs: number;
  readonly bytes: number;
  readonly intact: number;
  readonly damaged: readonly DamageView[];
}

export interface RepairResult {
  readonly repaired: ReadonlyArray<
    { readonly sha256: string; readonly bytes_fetched: number; readonly chunks_fetched: number }
  >;
  readonly failed: ReadonlyArray<{ readonly sha256: string; readonly error: ErrorRecord }>;
}

export interface GcResult {
  readonly blobs: number;
  readonly parts: number;
  readonly bytes_freed: number;
  readonly dry_run: boolean;
  readonly digests: readonly string[];
}

export const SCOPES = ["read", "infer", "pull", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

export interface TokenView {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly created_at: number;
  readonly expires_at: number | null;
  /** Shown once, when the token is made. */
  readonly token?: string;
}

export interface HealthView {
  readonly ready: boolean;
  readonly status: "ok" | "degraded";
  readonly reasons: ReadonlyArray<
    { readonly part: "store" | "registry" | "disk" | "durability"; readonly reason: string }
  >;
  readonly version: string;
  readonly disk: {
    readonly total_bytes: number;
    readonly free_bytes: number;
    readonly reserved_bytes: number;
  } | null;
  readonly pulls_running: number;
}

/** A file ready to be sent. */
export interface ServedFile {
  readonly digest: string;
  readonly sizeBytes: number;
  /** A regular file on disk with exactly these bytes. */
  readonly path: string;
  readonly version: string;
  /** The version was asked for by itself, not by an alias: the answer never changes. */
  readonly immutable: boolean;
}

export interface PullLimits {
  /** 0 means unlimited. */
  readonly rate_bytes_per_s: number;
  readonly pulls_at_once: number;
  readonly connections_per_pull: number;
}

/**
 * The use cases that a verb needs, all JSON-able: implemented by the library in the owner of the home and by a client of the
 * owner's socket in every other process.
 */
export interface LarderApi {
  pull(request: PullRequest): Promise<PullView>;
  listPulls(options?: { readonly limit?: number; readonly active?: boolean }): Promise<PullView[]>;
  getPull(id: string): Promise<PullView>;
  /** The view now and after every change, at most a few a second; ends after a final state (done, failed, cancelled, paused). */
  watchPull(id: string, signal?: AbortSignal): AsyncIterable<PullView>;
  pausePull(id: string): Promise<PullView>;
  resumePull(id: string): Promise<PullView>;
  cancelPull(id: string): Promise<PullView>;
  getLimits(): Promise<PullLimits>;
  setLimits(limits: Partial<PullLimits>): Promise<PullLimits>;

  list(query: { readonly q?: string; readonly limit?: number; readonly cursor?: string }): Promise<ModelPage>;
  describe(reference: string): Promise<ModelView>;
  remove(reference: string): Promise<RemoveView>;
  setAlias(
    model: string,
    alias: string,
    version: string,
  ): Promise<{ readonly model: string; readonly alias: string; readonly version: string }>;
  removeAlias(model: string, alias: string): Promise<void>;
  /** Ensures a folder with real file names. */
  path(reference: string): Promise<PathView>;

  importPath(request: ImportRequest): Promise<JobView>;
  verify(request: UpkeepRequest): Promise<JobView>;
  repair(request: UpkeepRequest): Promise<JobView>;
  gc(request: UpkeepRequest): Promise<JobView>;
  listJobs(): Promise<JobView[]>;
  getJob(id: string): Promise<JobView>;
  watchJob(id: string, signal?: AbortSignal): AsyncIterable<JobView>;
  cancelJob(id: string): Promise<JobView>;

  createToken(
    request: { readonly name: string; readonly scopes: readonly Scope[]; readonly expires_in_s?: number },
  ): Promise<TokenView>;
  listTokens(): Promise<TokenView[]>;
  removeToken(id: string): Promise<void>;

  health(): Promise<HealthView>;
}

/** What the HTTP listener needs beside {@link LarderApi}. */
export interface Library extends LarderApi {
  /** For addresses that hold names with slashes: which reading of them is a model. */
  hasModel(model: string): boolean;
  /**
   * A file's bytes by name. Waits a while for a repair that it starts itself when the bytes are missing or damaged.
   *
   * @throws {LarderError} MODEL_NOT_FOUND, VERSION_NOT_FOUND, FILE_NOT_FOUND, BLOB_MISSING, BLOB_REPAIRING.
   */
  serveFile(model: string, versionOrAlias: string, path: string): Promise<ServedFile> | ServedFile;
  /** Scopes of a presented secret; undefined when it is unknown or expired. */
  scopesOf(secret: string): readonly Scope[] | undefined;
  /** True when no user made a token yet: loopback may then read and pull without one. */
  isOpen(): boolean;
  /** Resumes what an earlier process left unfinished. */
  resumeInterrupted(): Promise<void>;
  /** Stops transfers keeping what can be resumed, then closes everything below. Bounded by `deadlineMs`. */
  close(deadlineMs?: number): Promise<void>;
}
