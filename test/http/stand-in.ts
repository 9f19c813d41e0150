import { type ErrorCode, LarderError, sha256 } from "../../src/core/index.ts";
import type {
  BestRequest,
  BestView,
  EnsuredVariant,
  HealthView,
  HubTokenView,
  JobView,
  Library,
  ListRequest,
  ManifestView,
  ModelPage,
  Models,
  ModelView,
  PullRequest,
  PullView,
  Scope,
  ServedFile,
  TokenView,
} from "../../src/library/index.ts";
import { StandInCatalog } from "./catalog-stand-in.ts";
import { StandInBudget } from "./budget-stand-in.ts";
import { StandInListing } from "./listing-stand-in.ts";
import { StandInModels } from "./models-stand-in.ts";
import { StandInOptions, TUNE_JOB, TUNED } from "./options-stand-in.ts";
import { StandInWatched } from "./watched-stand-in.ts";
import { SCRUB, StandInScrub } from "./scrub-stand-in.ts";

export const PULL: PullView = {
  id: "p1",
  model: "iris",
  version: null,
  variant: "default",
  skipped: [],
  state: "running",
  bytes_done: 1,
  bytes_total: 10,
  rate_bytes_per_s: 0,
  eta_s: null,
  created_at: 1,
  finished_at: null,
  files: [],
  error: null,
};

export const JOB: JobView = {
  id: "j1",
  kind: "verify",
  state: "running",
  bytes_done: 0,
  bytes_total: null,
  created_at: 1,
  finished_at: null,
  dry_run: false,
  result: null,
  error: null,
};

export const MANIFEST: ManifestView = {
  model: "acme/tiny",
  kind: "model",
  revision: "main",
  version: "0123456789abcdef0123456789abcdef01234567",
  endpoint: "https://hub.example",
  scanned_at: 1,
  pipeline_task: null,
  library_name: null,
  tags: [],
  license: null,
  gated: "none",
  private: false,
  last_modified: null,
  architecture: null,
  parameters: null,
  context_length: null,
  size_bytes: 0,
  variants: [],
  common_files: [],
  sidecars: [],
  files: [],
};

/**
 * What a listener can be tried against without a home: it answers, remembers what it was asked, and fails on demand.
 * Files are real ones on disk.
 */
export class StandInLibrary implements Library {
  readonly calls: Array<readonly [string, ...unknown[]]> = [];
  readonly models: Models = new StandInModels();
  readonly catalog = new StandInCatalog();
  readonly listing = new StandInListing((...call) => this.#note(...call));
  readonly options = new StandInOptions(this.calls);
  readonly watched = new StandInWatched((name) => this.#note(name));
  readonly budget = new StandInBudget(this.calls);
  readonly scrub = new StandInScrub();
  readonly files = new Map<string, ServedFile>();
  readonly tokens = new Map<string, readonly Scope[]>();
  /** Thrown by the next call of this name. */
  readonly failures = new Map<string, unknown>();
  open = true;
  healthy = true;
  states: AsyncIterable<PullView> | undefined;

  /** Makes `model@version/path` a file with these bytes at `disk`. */
  async addFile(model: string, version: string, path: string, disk: string, bytes: Uint8Array) {
    await Bun.write(disk, bytes);
    const served = { digest: sha256(bytes), sizeBytes: bytes.length, path: disk, version, immutable: true };
    this.files.set(`${model}@${version}/${path}`, served);
    this.files.set(`${model}@latest/${path}`, { ...served, immutable: false });
    return served;
  }

  hasModel(model: string): boolean {
    return [...this.files.keys()].some((name) => name.startsWith(`${model}@`));
  }

  serveFile(model: string, version: string, path: string): ServedFile {
    this.#note("serveFile", model, version, path);
    const file = this.files.get(`${model}@${version}/${path}`);
    if (file !== undefined) return file;
    const code: ErrorCode = [...this.files.keys()].some((name) => name.startsWith(`${model}@${version}/`))
      ? "FILE_NOT_FOUND"
      : "VERSION_NOT_FOUND";
    throw new LarderError(code, "Cannot find it");
  }

  scopesOf(secret: string): readonly Scope[] | undefined {
    return this.tokens.get(secret);
  }

  isOpen(): boolean {
    return this.open;
  }

  async health(): Promise<HealthView> {
    this.#note("health");
    const status = this.healthy ? "ok" : "degraded";
    return {
      ready: this.healthy,
      status,
      reasons: [],
      version: "0",
      disk: null,
      pulls_running: 2,
      scrub: SCRUB,
    };
  }

  list(request: ListRequest): Promise<ModelPage> {
    return this.listing.list(request);
  }

  async describe(reference: string): Promise<ModelView> {
    this.#note("describe", reference);
    const version = { version: "1", created_at: 1, size_bytes: 1, variants: [], files: [], metrics: {} };
    return { model: reference, version, versions: [], aliases: {}, best: null };
  }

  async path(reference: string, options: object = {}) {
    this.#note("path", reference, ...(Object.keys(options).length === 0 ? [] : [options]));
    return { model: reference, version: "1", folder: "/f", files: [] };
  }

  async scan(request: unknown): Promise<ManifestView> {
    this.#note("scan", request);
    return MANIFEST;
  }

  async hubToken(): Promise<HubTokenView> {
    this.#note("hubToken");
    return { source: null, origin: "https://hub.example" };
  }

  async setHubToken(token: string | null): Promise<HubTokenView> {
    this.#note("setHubToken", token);
    return { source: token === null ? null : "larder", origin: "https://hub.example" };
  }

  async ensure(reference: string): Promise<EnsuredVariant> {
    this.#note("ensure", reference);
    return { model: reference, version: "1", variant: "default", files: [], pulled: false };
  }

  async remove(reference: string) {
    this.#note("remove", reference);
    return { model: reference, versions: [], bytes_freed: 0 };
  }

  async setAlias(model: string, alias: string, version: string) {
    this.#note("setAlias", model, alias, version);
    return { model, alias, version };
  }

  async setBestMetric(model: string, wanted: BestRequest): Promise<BestView> {
    this.#note("setBestMetric", model, wanted);
    return { model, alias: "best", version: "1", metric: wanted.metric };
  }

  async removeAlias(model: string, alias: string): Promise<void> {
    this.#note("removeAlias", model, alias);
  }

  async pull(request: PullRequest): Promise<PullView> {
    this.#note("pull", request);
    return PULL;
  }

  async listPulls(options: unknown): Promise<PullView[]> {
    this.#note("listPulls", options);
    return [PULL];
  }

  async getPull(id: string): Promise<PullView> {
    this.#note("getPull", id);
    return PULL;
  }

  async *watchPull(id: string, signal?: AbortSignal): AsyncGenerator<PullView> {
    this.#note("watchPull", id);
    if (this.states !== undefined) return yield* this.states;
    yield PULL;
    await new Promise((resolve) => signal?.addEventListener("abort", resolve));
  }

  pausePull = (id: string) => this.#pull("pausePull", id);
  resumePull = (id: string) => this.#pull("resumePull", id);
  cancelPull = (id: string) => this.#pull("cancelPull", id);
  importPath = (request: unknown) => this.#job("importPath", request);
  importHubCache = (request: unknown) => this.#job("importHubCache", request);
  verify = (request: unknown) => this.#job("verify", request);
  repair = (request: unknown) => this.#job("repair", request);
  gc = (request: unknown) => this.#job("gc", request);
  getJob = (id: string) => this.#job("getJob", id);
  cancelJob = (id: string) => this.#job("cancelJob", id);

  async listJobs(): Promise<JobView[]> {
    this.#note("listJobs");
    return [JOB];
  }

  async *watchJob(id: string): AsyncGenerator<JobView> {
    this.#note("watchJob", id);
    yield JOB;
    yield id === TUNE_JOB.id ? { ...TUNE_JOB, state: "done", result: TUNED } : { ...JOB, state: "done" };
  }

  async getLimits() {
    this.#note("getLimits");
    return { rate_bytes_per_s: 0, pulls_at_once: 3, connections_per_pull: 4 };
  }

  async setLimits(limits: object) {
    this.#note("setLimits", limits);
    return { rate_bytes_per_s: 0, pulls_at_once: 3, connections_per_pull: 4, ...limits };
  }

  async createToken(request: unknown): Promise<TokenView> {
    this.#note("createToken", request);
    return { id: "t1", name: "n", scopes: ["read"], created_at: 1, expires_at: null, token: "secret" };
  }

  async listTokens(): Promise<TokenView[]> {
    this.#note("listTokens");
    return [];
  }

  async removeToken(id: string): Promise<void> {
    this.#note("removeToken", id);
  }

  async resumeInterrupted(): Promise<void> {}
  async close(): Promise<void> {}

  async #pull(...call: [string, unknown]): Promise<PullView> {
    this.#note(...call);
    return PULL;
  }

  async #job(...call: [string, unknown]): Promise<JobView> {
    this.#note(...call);
    return JOB;
  }

  #note(name: string, ...rest: unknown[]): void {
    this.calls.push([name, ...rest]);
    const failure = this.failures.get(name);
    if (failure !== undefined) throw failure;
  }
}
