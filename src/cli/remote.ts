import { BEST, isLarderError } from "../core/index.ts";
import type {
  BestRequest,
  BestView,
  Catalog,
  DiskBudgetApi,
  HealthView,
  HubCacheImportRequest,
  HubTokenView,
  ImportRequest,
  JobView,
  Listing,
  ListRequest,
  ManifestView,
  ModelOptionsApi,
  ModelPage,
  ModelView,
  PathLayout,
  PathView,
  PullLimits,
  PullRequest,
  PullView,
  RemoveView,
  ScanRequest,
  ScrubApi,
  TokenView,
  UpkeepRequest,
  Watched,
} from "../library/index.ts";
import type { CliApi, ModelsApi } from "./models-api.ts";
import { readNdjson } from "./ndjson.ts";
import { RemoteCatalog } from "./remote-catalog.ts";
import type { Preload } from "../preload/index.ts";
import { RemoteBudget } from "./remote-budget.ts";
import { RemoteListing } from "./remote-listing.ts";
import { RemoteModels } from "./remote-models.ts";
import { RemoteOptions } from "./remote-options.ts";
import { RemoteWatched } from "./remote-watched.ts";
import { RemotePreload } from "./remote-preload.ts";
import { RemoteScrub } from "./remote-scrub.ts";
import { type Ask, askOwner, isGone, ownerGone } from "./remote-request.ts";

const NDJSON = "application/x-ndjson";

/** Tries the socket of a home. Undefined when nobody listens there: no file, or one that a killed owner left. */
export async function connectOwner(socketPath: string): Promise<CliApi | undefined> {
  try {
    await askOwner(socketPath, "/health/live");
  } catch (error) {
    if (isLarderError(error, "SHUTTING_DOWN")) return undefined;
    throw error;
  }
  return new RemoteLarder(socketPath);
}

/** The use cases asked of the owner's API. */
class RemoteLarder implements CliApi {
  readonly models: ModelsApi;
  readonly preload: Preload;
  readonly catalog: Catalog;
  readonly listing: Listing;
  readonly options: ModelOptionsApi;
  readonly watched: Watched;
  readonly budget: DiskBudgetApi;
  readonly scrub: ScrubApi;
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
    this.models = new RemoteModels(socketPath);
    this.preload = new RemotePreload(socketPath);
    this.catalog = new RemoteCatalog(socketPath);
    this.listing = new RemoteListing(socketPath);
    this.options = new RemoteOptions(socketPath);
    this.watched = new RemoteWatched(socketPath);
    this.budget = new RemoteBudget(socketPath);
    this.scrub = new RemoteScrub(socketPath);
  }

  /** Over HTTP patterns are `files` too. */
  pull({ patterns, ...rest }: PullRequest): Promise<PullView> {
    const body = patterns === undefined ? rest : { ...rest, files: patterns };
    return this.#json("/api/models/download", { method: "POST", body });
  }

  async listPulls(options: { readonly limit?: number; readonly active?: boolean } = {}): Promise<PullView[]> {
    return (await this.#json<{ pulls: PullView[] }>("/api/pulls", { query: options })).pulls;
  }

  getPull(id: string): Promise<PullView> {
    return this.#json(`/api/pulls/${part(id)}`);
  }

  watchPull(id: string, signal?: AbortSignal): AsyncIterable<PullView> {
    return this.#watch(`/api/pulls/${part(id)}/events`, signal);
  }

  pausePull(id: string): Promise<PullView> {
    return this.#json(`/api/pulls/${part(id)}/pause`, { method: "POST" });
  }

  resumePull(id: string): Promise<PullView> {
    return this.#json(`/api/pulls/${part(id)}/resume`, { method: "POST" });
  }

  cancelPull(id: string): Promise<PullView> {
    return this.#json(`/api/pulls/${part(id)}`, { method: "DELETE" });
  }

  getLimits(): Promise<PullLimits> {
    return this.#json("/api/limits");
  }

  setLimits(limits: Partial<PullLimits>): Promise<PullLimits> {
    return this.#json("/api/limits", { method: "PUT", body: limits });
  }

  list(request: ListRequest): Promise<ModelPage> {
    return this.listing.list(request);
  }

  describe(reference: string): Promise<ModelView> {
    return this.#json(`/api/models/${names(reference)}`);
  }

  remove(reference: string): Promise<RemoveView> {
    return this.#json(`/api/models/${names(reference)}`, { method: "DELETE" });
  }

  setAlias(
    model: string,
    alias: string,
    version: string,
  ): Promise<{ readonly model: string; readonly alias: string; readonly version: string }> {
    const path = `/api/models/${names(model)}/aliases/${part(alias)}`;
    return this.#json(path, { method: "PUT", body: { version } });
  }

  async removeAlias(model: string, alias: string): Promise<void> {
    await this.#ask(`/api/models/${names(model)}/aliases/${part(alias)}`, { method: "DELETE" });
  }

  setBestMetric(model: string, wanted: BestRequest): Promise<BestView> {
    return this.#json(`/api/models/${names(model)}/aliases/${BEST}`, { method: "PUT", body: wanted });
  }

  path(reference: string, options: { readonly layout?: PathLayout } = {}): Promise<PathView> {
    return this.#json(`/api/models/${names(reference)}/path`, { query: options });
  }

  scan(request: ScanRequest): Promise<ManifestView> {
    return this.#json("/api/models/scan", { method: "POST", body: request });
  }

  importHubCache(request: HubCacheImportRequest): Promise<JobView> {
    return this.#json("/api/models/import-hub-cache", { method: "POST", body: request });
  }

  hubToken(): Promise<HubTokenView> {
    return this.#json("/api/hub/token");
  }

  setHubToken(token: string | null): Promise<HubTokenView> {
    const ask: Ask = token === null ? { method: "DELETE" } : { method: "PUT", body: { token } };
    return this.#json("/api/hub/token", ask);
  }

  importPath(request: ImportRequest): Promise<JobView> {
    return this.#json("/api/models/import", { method: "POST", body: request });
  }

  verify(request: UpkeepRequest): Promise<JobView> {
    return this.#json("/api/verify", { method: "POST", body: request });
  }

  repair(request: UpkeepRequest): Promise<JobView> {
    return this.#json("/api/repair", { method: "POST", body: request });
  }

  gc(request: UpkeepRequest): Promise<JobView> {
    return this.#json("/api/gc", { method: "POST", body: request });
  }

  async listJobs(): Promise<JobView[]> {
    return (await this.#json<{ jobs: JobView[] }>("/api/jobs")).jobs;
  }

  getJob(id: string): Promise<JobView> {
    return this.#json(`/api/jobs/${part(id)}`);
  }

  watchJob(id: string, signal?: AbortSignal): AsyncIterable<JobView> {
    return this.#watch(`/api/jobs/${part(id)}/events`, signal);
  }

  cancelJob(id: string): Promise<JobView> {
    return this.#json(`/api/jobs/${part(id)}`, { method: "DELETE" });
  }

  createToken(
    request: {
      readonly name: string;
      readonly scopes: readonly TokenView["scopes"][number][];
      readonly expires_in_s?: number;
    },
  ): Promise<TokenView> {
    return this.#json("/api/tokens", { method: "POST", body: request });
  }

  async listTokens(): Promise<TokenView[]> {
    return (await this.#json<{ tokens: TokenView[] }>("/api/tokens")).tokens;
  }

  async removeToken(id: string): Promise<void> {
    await this.#ask(`/api/tokens/${part(id)}`, { method: "DELETE" });
  }

  health(): Promise<HealthView> {
    return this.#json("/health/ready");
  }

  #ask(path: string, ask?: Ask): Promise<Response> {
    return askOwner(this.#socketPath, path, ask);
  }

  async #json<T>(path: string, ask?: Ask): Promise<T> {
    return await (await this.#ask(path, ask)).json() as T;
  }

  async *#watch<T>(path: string, signal?: AbortSignal): AsyncGenerator<T> {
    const { body } = await this.#ask(path, { accept: NDJSON, signal });
    if (body === null) return;
    try {
      yield* readNdjson<T>(body);
    } catch (error) {
      throw isGone(error) ? ownerGone(error) : error;
    }
  }
}

/** One segment of a path. */
function part(text: string): string {
  return encodeURIComponent(text);
}

/** A model or a reference in a path: its slashes stay. */
function names(text: string): string {
  return text.split("/").map(encodeURIComponent).join("/");
}
