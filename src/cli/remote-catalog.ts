import type {
  CachedQuery,
  Catalog,
  ClearRequest,
  JobView,
  ModelUseView,
  UsageView,
  UseView,
} from "../library/index.ts";
import { type Ask, askOwner } from "./remote-request.ts";

/** Questions about all that is here, asked of the API of the owner of the home. */
export class RemoteCatalog implements Catalog {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  cached(query: CachedQuery = {}): Promise<UseView[]> {
    return this.#variants("/api/registry/cached", { ...query });
  }

  oldest(limit?: number): Promise<UseView[]> {
    return this.#variants("/api/registry/oldest", { limit });
  }

  leastUsed(limit?: number): Promise<UseView[]> {
    return this.#variants("/api/registry/least-used", { limit });
  }

  usage(): Promise<UsageView> {
    return this.#json("/api/registry/usage");
  }

  use(reference: string): Promise<ModelUseView> {
    return this.#json("/api/registry/use", { query: { model: reference } });
  }

  clear(request: ClearRequest): Promise<JobView> {
    return this.#json("/api/registry/clear", { method: "POST", body: request });
  }

  async #variants(path: string, query: NonNullable<Ask["query"]>): Promise<UseView[]> {
    return (await this.#json<{ variants: UseView[] }>(path, { query })).variants;
  }

  async #json<T>(path: string, ask?: Ask): Promise<T> {
    return await (await askOwner(this.#socketPath, path, ask)).json() as T;
  }
}
