import type { CacheStats } from "../cache/types.ts";
import { formatModelRef } from "../core/index.ts";
import type {
  CallOptions,
  ModelTarget,
  PredictRequest,
  PredictView,
  ReloadRequest,
  ReloadView,
  ServedBy,
} from "../library/index.ts";
import type { ModelsApi } from "./models-api.ts";
import { type Ask, askOwner } from "./remote-request.ts";

/** Models in the memory of the owner of the home, asked of its API. */
export class RemoteModels implements ModelsApi {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  predict(request: PredictRequest, options?: CallOptions): Promise<PredictView> {
    return this.#post("/api/v1/predict", request, options);
  }

  load(target: ModelTarget, options?: CallOptions): Promise<ServedBy> {
    return this.#post("/api/cache/load", target, options);
  }

  async unload(target: ModelTarget): Promise<boolean> {
    return (await this.#post<{ evicted: boolean }>("/api/cache/evict", target)).evicted;
  }

  reload(request: ReloadRequest, { signal }: CallOptions = {}): Promise<ReloadView> {
    return this.#json("/api/v1/models/reload", { method: "POST", body: request, signal });
  }

  setPinned(target: ModelTarget, pinned: boolean): Promise<ServedBy> {
    const reference = formatModelRef(target).split("/").map(encodeURIComponent).join("/");
    return this.#json(`/api/models/${reference}/pin`, { method: "PUT", body: { pinned } });
  }

  cacheStats(): Promise<CacheStats> {
    return this.#json("/api/cache/stats");
  }

  #post<T>(path: string, body: object, { signal, deadlineMs }: CallOptions = {}): Promise<T> {
    const deadline = deadlineMs === undefined ? {} : { deadline_ms: deadlineMs };
    return this.#json(path, { method: "POST", body: { ...body, ...deadline }, signal });
  }

  async #json<T>(path: string, ask?: Ask): Promise<T> {
    return await (await askOwner(this.#socketPath, path, ask)).json() as T;
  }
}
