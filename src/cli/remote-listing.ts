import type {
  Listing,
  ListingCacheConfig,
  ListingCacheConfigView,
  ListingCacheInfo,
  ListingRefreshView,
  ListRequest,
  ModelPage,
} from "../library/index.ts";
import { type Ask, askOwner } from "./remote-request.ts";

/** The list of models and its caches, asked of the API of the owner of the home. */
export class RemoteListing implements Listing {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  list(request: ListRequest): Promise<ModelPage> {
    return this.#json("/api/models/library", { query: { ...request } });
  }

  refresh(): Promise<ListingRefreshView> {
    return this.#json("/api/models/refresh", { method: "POST" });
  }

  cacheInfo(): Promise<ListingCacheInfo> {
    return this.#json("/api/models/cache-info");
  }

  configureCache(config: ListingCacheConfig): Promise<ListingCacheConfigView> {
    return this.#json("/api/models/cache-config", { method: "POST", body: config });
  }

  async #json<T>(path: string, ask?: Ask): Promise<T> {
    return await (await askOwner(this.#socketPath, path, ask)).json() as T;
  }
}
