import type {
  ListAnswer,
  ListingCacheConfig,
  ListingCacheConfigView,
  ListingCacheInfo,
  ListingRefreshView,
  ListRequest,
  ModelPage,
  PreparedList,
  ServedListing,
} from "../../src/library/index.ts";

export const NO_MODELS: ModelPage = { models: [], total: 0, next_cursor: null };
export const ETAG = '"abc"';

export const REFRESHED: ListingRefreshView = {
  message: "Looked at all models again: 2 are known",
  cache_info: {
    ...{ cache_refreshed: true, timestamp: 1_700_000_000.5, old_model_count: 1, new_model_count: 2 },
    cache_keys: ["all", "fast"],
  },
  api_cache_cleared: true,
};

export const CACHE_INFO: ListingCacheInfo = {
  service_cache: {
    ...{ cache_valid: true, cache_timestamp: 1_700_000_000.5, cache_age_seconds: 2, cache_ttl_seconds: 300 },
    ...{ cached_model_count: 2, cache_keys: ["fast"], registry_mtime: 1, models_dir_mtime: 2 },
    ...{ hits: 3, misses: 1, hit_rate: 0.75 },
  },
  api_cache: { api_cache_keys: ["limit=100"], api_cache_entries: 1, hits: 1, misses: 1, hit_rate: 0.5 },
};

interface Prepared extends PreparedList {
  readonly request: ListRequest;
}

/** Answers always the same, and notes what it was asked. */
export class StandInListing implements ServedListing {
  constructor(private readonly note: (name: string, ...rest: unknown[]) => void) {}

  prepare(request: ListRequest): Prepared {
    return { key: JSON.stringify(request), forceRefresh: false, request };
  }

  answer(prepared: PreparedList): ListAnswer {
    this.note("list", (prepared as Prepared).request);
    return { text: JSON.stringify(NO_MODELS), etag: ETAG };
  }

  noteHit(): void {
    this.note("listing.noteHit");
  }

  async list(request: ListRequest): Promise<ModelPage> {
    this.note("list", request);
    return NO_MODELS;
  }

  async refresh(): Promise<ListingRefreshView> {
    this.note("listing.refresh");
    return REFRESHED;
  }

  async cacheInfo(): Promise<ListingCacheInfo> {
    this.note("listing.cacheInfo");
    return CACHE_INFO;
  }

  async configureCache(config: ListingCacheConfig): Promise<ListingCacheConfigView> {
    this.note("listing.configureCache", config);
    return { message: "Done", cache_ttl_seconds: config.ttl_seconds, previous_ttl_seconds: 300 };
  }
}
