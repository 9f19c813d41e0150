import type { BestMetric, VersionMetrics } from "../core/index.ts";
import type { VariantStatus } from "../registry/index.ts";
import type { DiskBudgetApi } from "./budget-types.ts";
import type {
  EnsuredVariant,
  HubCacheImportRequest,
  HubTokenView,
  ManifestView,
  ScanRequest,
} from "./hub-types.ts";
import type { Catalog } from "./catalog-types.ts";
import type { Listing, ListRequest, ModelPage, ServedListing } from "./listing-types.ts";
import type { Models } from "./model-types.ts";
import type { JobView, UpkeepRequest } from "./job-types.ts";
import type { ModelOptionsApi } from "./options-types.ts";
import type { PullLimits, PullRequest, PullView } from "./pull-types.ts";
import type { Watched, WatchedFolders } from "./watched-types.ts";
import type { ScrubApi, ScrubView } from "./scrub-types.ts";

export type * from "./catalog-types.ts";
export type * from "./budget-types.ts";
export type * from "./hub-types.ts";
export type * from "./job-types.ts";
export * from "./listing-types.ts";
export type * from "./model-types.ts";
export type * from "./options-types.ts";
export type * from "./preload-types.ts";
export type * from "./pull-types.ts";
export type * from "./watched-types.ts";
export type * from "./scrub-types.ts";

// The shapes below are what the HTTP API and `--json` show: snake_case keys, Unix seconds, bytes.

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
  readonly metrics: VersionMetrics;
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
      readonly metrics: VersionMetrics;
    }
  >;
  readonly aliases: Readonly<Record<string, string>>;
  /** What `best` stands for, and by which metric; null when no version has it. */
  readonly best: { readonly version: string; readonly metric: string } | null;
}

/** What `best` is to go by. */
export interface BestRequest {
  readonly metric: string;
  /** Needed for a metric of one's own of which less is better. */
  readonly better?: BestMetric["better"];
}

export interface BestView {
  readonly model: string;
  readonly alias: "best";
  /** Null when no version has the metric. */
  readonly version: string | null;
  readonly metric: string | null;
}

export interface RemoveView {
  readonly model: string;
  /** Present when only this variant went. */
  readonly variant?: string;
  /** That went, or that had the variant. */
  readonly versions: readonly string[];
  readonly bytes_freed: number;
}

export type PathLayout = "names" | "hf";

export interface PathView {
  readonly model: string;
  readonly version: string;
  /** The folder with real file names; with the layout `hf` that of the snapshot. */
  readonly folder: string;
  /** With the layout `hf`: what the hub's own tools are told as their cache (`HF_HUB_CACHE`, `cacheDir`). */
  readonly cache_folder?: string;
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
  /** Joins what is known of the version already; of one name the new value counts. */
  readonly metrics?: VersionMetrics;
}

export interface ImportView {
  readonly model: string;
  readonly version: string;
  readonly variant: string;
  readonly files: ReadonlyArray<
    { readonly path: string; readonly sha256: string; readonly size_bytes: number; readonly mode: string }
  >;
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
    { readonly part: "store" | "registry" | "disk" | "durability" | "watched"; readonly reason: string }
  >;
  readonly version: string;
  readonly disk: {
    readonly total_bytes: number;
    readonly free_bytes: number;
    readonly reserved_bytes: number;
  } | null;
  readonly pulls_running: number;
  /** Null when the registry cannot be read. */
  readonly scrub: ScrubView | null;
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

  /** The same as {@link Listing.list}. */
  list(request: ListRequest): Promise<ModelPage>;
  describe(reference: string): Promise<ModelView>;
  remove(reference: string): Promise<RemoveView>;
  setAlias(
    model: string,
    alias: string,
    version: string,
  ): Promise<{ readonly model: string; readonly alias: string; readonly version: string }>;
  /** Of `best` only what it goes by is removed: it is then computed by the first metric of BEST_METRICS that there is. */
  removeAlias(model: string, alias: string): Promise<void>;
  /** Says what `best` goes by. */
  setBestMetric(model: string, wanted: BestRequest): Promise<BestView>;
  /** Ensures a folder with real file names, or with `hf` a folder that the hub's own tools take for their cache. */
  path(reference: string, options?: { readonly layout?: PathLayout }): Promise<PathView>;

  /**
   * What a hub repository offers, asked anew; noted, so that it is known later without the hub.
   *
   * @throws {LarderError} REPO_NOT_FOUND, REVISION_NOT_FOUND, HUB_GATED, HUB_TOKEN_INVALID, REPO_DISABLED, UPSTREAM_*, OFFLINE.
   */
  scan(request: ScanRequest): Promise<ManifestView>;
  importHubCache(request: HubCacheImportRequest): Promise<JobView>;
  hubToken(): Promise<HubTokenView>;
  /** Keeps a token for the hub in the home, or forgets it. */
  setHubToken(token: string | null): Promise<HubTokenView>;

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

  /** What models may take of the disk. */
  readonly budget: DiskBudgetApi;

  /** Verification over time. */
  readonly scrub: ScrubApi;
  health(): Promise<HealthView>;

  /** Questions about all that is here. */
  readonly catalog: Catalog;
  /** What users want of each model. */
  readonly options: ModelOptionsApi;
  /** Folders that a user fills. */
  readonly watched: Watched;
  /** The list of models, and the caches that it is answered from. */
  readonly listing: Listing;
}

/** What the HTTP listener needs beside {@link LarderApi}. */
export interface Library extends LarderApi {
  /** Models in memory. */
  readonly models: Models;
  readonly watched: WatchedFolders;
  readonly listing: ServedListing;
  /**
   * A variant that can be used: at once when it is here, else pulled. Without a variant any that is here will do, the default one
   * first.
   *
   * @throws {LarderError} As the pull that it waits for; the signal's reason.
   */
  ensure(
    reference: string,
    options?: { readonly signal?: AbortSignal; readonly onProgress?: (pull: PullView) => void },
  ): Promise<EnsuredVariant>;
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
