import type { RuntimeName } from "../runtimes/index.ts";

export const PROVIDERS = ["hub", "url", "local"] as const;
/** Where a model is from: a hub was asked about it; an address was given; neither. */
export type Provider = (typeof PROVIDERS)[number];

export const LISTED_STATUSES = ["downloaded", "downloading", "failed", "available"] as const;
/**
 * `downloaded`: a version is here. Of others: `downloading` while a pull of it is queued or runs, `failed` when the last try left a note,
 * `available` when only its hub was asked about it.
 */
export type ListedStatus = (typeof LISTED_STATUSES)[number];

export const CAPABILITIES = ["predict", "completion", "chat", "embedding", "files"] as const;
/** What can be asked of a model; `files` is what no runtime here runs. */
export type Capability = (typeof CAPABILITIES)[number];

const ORDERS = ["name", "updated_at", "size_bytes", "access_count", "last_used_at"] as const;
export type ListingOrder = (typeof ORDERS)[number];
export type ListingSort = ListingOrder | `-${ListingOrder}`;
/** With `-` the largest, the latest or the last name comes first. */
export const SORTS = ORDERS.flatMap((order): ListingSort[] => [order, `-${order}`]);

export interface ListRequest {
  /** Part of a name, any case. */
  readonly q?: string;
  readonly provider?: Provider;
  /** By default all but `available`. */
  readonly status?: ListedStatus;
  readonly capability?: Capability;
  /** By name by default. Those that are alike in it follow by name. */
  readonly sort?: ListingSort;
  readonly limit?: number;
  /** `next_cursor` of the page before, which was asked for in the same order. */
  readonly cursor?: string;
  /** Nothing is looked up on disk: what only headers tell is null, and what a model can do is told from the names of its files. */
  readonly quick?: boolean;
  /** Everything is looked at again before the answer. */
  readonly force_refresh?: boolean;
}

export interface ModelSummary {
  readonly model: string;
  /** 0 when nothing of it is here. */
  readonly version_count: number;
  /** Null when no version is known yet. */
  readonly latest: string | null;
  readonly size_bytes: number;
  readonly updated_at: number;
  readonly provider: Provider;
  readonly status: ListedStatus;
  readonly capabilities: readonly Capability[];
  /** What runs the latest version. */
  readonly runtime: RuntimeName | null;
  readonly architecture: string | null;
  readonly parameters: number | null;
  readonly context_length: number | null;
  readonly quantization: string | null;
  /** Of the latest version those that are here; of a model that is not here those that are being pulled or were tried. */
  readonly variants: readonly string[];
  /** Of all its variants, as the registry has it: about a second behind. */
  readonly access_count: number;
  /** Null when it was never used. */
  readonly last_used_at: number | null;
  readonly loaded: boolean;
  readonly pinned: boolean;
}

export interface ModelPage {
  readonly models: readonly ModelSummary[];
  readonly total: number;
  readonly next_cursor: string | null;
}

/** `fast` is what the registry alone tells, `all` is that with what the headers of the files tell. */
export type ListingCacheKey = "all" | "fast";

export interface ListingRefreshView {
  readonly message: string;
  readonly cache_info: {
    readonly cache_refreshed: boolean;
    readonly timestamp: number;
    readonly old_model_count: number;
    readonly new_model_count: number;
    readonly cache_keys: readonly ListingCacheKey[];
  };
  readonly api_cache_cleared: boolean;
}

export interface ListingCacheInfo {
  readonly service_cache: {
    readonly cache_valid: boolean;
    /** When everything was last looked at; null before the first listing. */
    readonly cache_timestamp: number | null;
    readonly cache_age_seconds: number | null;
    readonly cache_ttl_seconds: number;
    readonly cached_model_count: number;
    readonly cache_keys: readonly ListingCacheKey[];
    readonly registry_mtime: number | null;
    readonly models_dir_mtime: number | null;
    readonly hits: number;
    readonly misses: number;
    /** 0 to 1; 0 before the first listing. */
    readonly hit_rate: number;
  };
  readonly api_cache: {
    readonly api_cache_keys: readonly string[];
    readonly api_cache_entries: number;
    readonly hits: number;
    readonly misses: number;
    readonly hit_rate: number;
  };
}

export interface ListingCacheConfig {
  readonly ttl_seconds: number;
}

export interface ListingCacheConfigView {
  readonly message: string;
  readonly cache_ttl_seconds: number;
  readonly previous_ttl_seconds: number;
}

/** The list of all models, answered from memory. */
export interface Listing {
  list(request: ListRequest): Promise<ModelPage>;
  /** Looks at everything again and forgets all answers. */
  refresh(): Promise<ListingRefreshView>;
  cacheInfo(): Promise<ListingCacheInfo>;
  /** Kept for later starts. @throws {LarderError} BAD_BODY with what is allowed. */
  configureCache(config: ListingCacheConfig): Promise<ListingCacheConfigView>;
}

/** A request that was looked at; the same object may be answered again and again. */
export interface PreparedList {
  readonly key: string;
  readonly forceRefresh: boolean;
}

/** An answer as it is sent. */
export interface ListAnswer {
  /** JSON of a {@link ModelPage}. As text: a body of bytes is copied for each answer, and the copies wear out the garbage collector. */
  readonly text: string;
  /** Strong, with its quotation marks. */
  readonly etag: string;
}

/** The same for a listener, which is asked all the time. */
export interface ServedListing extends Listing {
  /** @throws {LarderError} BAD_QUERY */
  prepare(request: ListRequest): PreparedList;
  /** At once when the answer is known and still holds. */
  answer(prepared: PreparedList): ListAnswer | Promise<ListAnswer>;
  /** An answer was given once more without being asked for here. */
  noteHit(): void;
}
