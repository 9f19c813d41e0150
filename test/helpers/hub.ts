import type { TokenHolder } from "./hub-access.ts";
import { answerCdn, SignedAddresses } from "./hub-cdn.ts";
import type { HubContext, ServedFile } from "./hub-context.ts";
import { refuse, TOO_MANY } from "./hub-replies.ts";
import { Repository, type RepositoryOptions, type RepositorySettings } from "./hub-repository.ts";
import { type HubRequest, isListing, mergeRequests } from "./hub-requests.ts";
import { answerHub } from "./hub-routes.ts";
import type { RepoKind } from "./hub-target.ts";
import { type Origin, type OriginFile, type OriginRequest, startOrigin } from "./origin.ts";

export type { TokenHolder } from "./hub-access.ts";
export type { FileDigests, HubContent } from "./hub-content.ts";
export type { Commit, CommitOptions, Repository, RepositoryOptions, TreeFile } from "./hub-repository.ts";
export type { HubRequest } from "./hub-requests.ts";
export type { RepoKind } from "./hub-target.ts";

export interface HubOptions {
  /** Files of this size and more are kept in LFS; default 1 MiB. */
  readonly lfsBytes?: number;
  /** Paths that end so are in LFS whatever their size; default those of model files. Empty turns it off. */
  readonly lfsEndings?: readonly string[];
  /** Entries on one page of a tree; default 1000. */
  readonly pageFiles?: number;
  /** How long an address at the CDN is good; default one hour. */
  readonly signedForMs?: number;
  /** Whether answers offer the hub's other way to transfer files; default true. */
  readonly xet?: boolean;
  /** By token. */
  readonly tokens?: Readonly<Record<string, TokenHolder>>;
  /** For each answer of either; may be changed later at `hub.api` and `hub.cdn`. */
  readonly bytesPerSecond?: number;
  /** Milliseconds since 1970; dates commits and ends signatures. */
  readonly now?: () => number;
}

export interface RateLimit {
  /** So many requests to the hub are refused, then service is as usual. */
  readonly count: number;
  readonly retryAfterS: number;
}

const LFS_ENDINGS = [".gguf", ".onnx", ".onnx_data", ".safetensors", ".bin"];
const QUOTA = 5000;

/** Starts a model hub without content and its CDN, each on a free port of 127.0.0.1. Close it, or `await using`. */
export async function startHub(options: HubOptions = {}): Promise<Hub> {
  const { bytesPerSecond = Infinity } = options;
  const [api, cdn] = await Promise.all([startOrigin({ bytesPerSecond }), startOrigin({ bytesPerSecond })]);
  return new Hub(api, cdn, options);
}

/**
 * A model hub as its clients know it: repositories with commits, branches and tags; small files by a redirect to an address of
 * their commit, large ones by a redirect to a signed address of another origin.
 */
export class Hub implements AsyncDisposable {
  /** Who may read what; may be changed at any time. */
  readonly tokens: Map<string, TokenHolder>;
  /** `Authorization` headers that came to the CDN, where none belongs. */
  readonly leakedTokens: string[] = [];
  readonly #repositories = new Map<string, Repository>();
  readonly #files = new WeakMap<OriginRequest, ServedFile>();
  readonly #signed: SignedAddresses;
  readonly #settings: RepositorySettings;
  #limit: RateLimit = { count: 0, retryAfterS: 0 };

  /** @param api Serves the hub, and takes faults for its paths. @param cdn The same for the CDN. */
  constructor(readonly api: Origin, readonly cdn: Origin, options: HubOptions) {
    const { lfsBytes = 1024 * 1024, lfsEndings = LFS_ENDINGS, now = Date.now } = options;
    this.tokens = new Map(Object.entries(options.tokens ?? {}));
    this.#settings = { lfsBytes, lfsEndings, now };
    this.#signed = new SignedAddresses(options.signedForMs ?? 3_600_000, now);
    const context = this.#context(options);
    api.fallback = async (request) => this.#withRates(request, await this.#answer(context, request));
    cdn.fallback = (request) => answerCdn(context, request);
  }

  /** `http://127.0.0.1:40001`, without a slash at the end. */
  get endpoint(): string {
    return this.api.origin;
  }

  /** Makes an empty repository. Its first commit makes it one that clients can read. */
  repository(options: RepositoryOptions): Repository {
    const repository = new Repository(options, this.#settings);
    this.#repositories.set(keyOf(repository.kind, repository.id), repository);
    return repository;
  }

  /** Gives a repository another id. Requests for the old one are sent on by 307. */
  rename(from: string, to: string, kind: RepoKind = "model"): void {
    const repository = this.#repositories.get(keyOf(kind, from));
    if (!repository) throw new Error(`There is no ${kind} ${from}`);
    repository.id = to;
    this.#repositories.set(keyOf(kind, to), repository);
  }

  /** The next requests to the hub, whatever they ask for, get 429. */
  rateLimit(limit: RateLimit): void {
    this.#limit = limit;
  }

  /** No address at the CDN that was given out until now is good any more. */
  expireSignatures(): void {
    this.#signed.expireAll();
  }

  /** Every request to the hub and the CDN, in the order of arrival. */
  get requests(): HubRequest[] {
    return mergeRequests(this.api, this.cdn, this.#files);
  }

  /** Those that asked about repositories, their refs and their trees. */
  listingRequests(): HubRequest[] {
    return this.requests.filter(isListing);
  }

  /** Those that were answered with bytes of a file, or would have been if they were no HEAD. */
  fileRequests(path?: string, id?: string): HubRequest[] {
    return this.requests.filter(({ file, status }) =>
      file !== undefined && (status === 200 || status === 206) && file.path === (path ?? file.path) &&
      file.id === (id ?? file.id)
    );
  }

  /** Body bytes of a file that went out, over all requests. @param id Of one repository only. */
  bytesSent(path: string, id?: string): number {
    return this.fileRequests(path, id).reduce((sum, one) => sum + one.bodyBytesSent, 0);
  }

  /** Forgets requests, leaks, faults and rate limits. Content, tokens and signatures stay. */
  reset(): void {
    this.api.forget();
    this.cdn.forget();
    this.leakedTokens.length = 0;
    this.#limit = { count: 0, retryAfterS: 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.api.close(), this.cdn.close()]);
  }

  #context(options: HubOptions): HubContext {
    return {
      endpoint: this.endpoint,
      cdnOrigin: this.cdn.origin,
      pageFiles: options.pageFiles ?? 1000,
      xet: options.xet ?? true,
      tokens: this.tokens,
      signed: this.#signed,
      leakedTokens: this.leakedTokens,
      findRepository: (kind, id) => this.#repositories.get(keyOf(kind, id)),
      noteFiles: (request, file) => void this.#files.set(request, file),
    };
  }

  async #answer(context: HubContext, request: OriginRequest): Promise<OriginFile> {
    const { count, retryAfterS } = this.#limit;
    if (count === 0) return await answerHub(context, request);
    this.#limit = { count: count - 1, retryAfterS };
    return refuse(TOO_MANY, {
      "Retry-After": String(retryAfterS),
      RateLimit: `"${bucketOf(request)}";r=0;t=${retryAfterS}`,
    });
  }

  /** @see draft-ietf-httpapi-ratelimit-headers: `r` is what remains, `t` the seconds until it is renewed. */
  #withRates(request: OriginRequest, answer: OriginFile): OriginFile {
    const bucket = bucketOf(request);
    const remaining = Math.max(1, QUOTA - this.api.requests.length);
    return {
      ...answer,
      headers: {
        RateLimit: `"${bucket}";r=${remaining};t=300`,
        "RateLimit-Policy": `"fixed window";"${bucket}";q=${QUOTA};w=300`,
        ...answer.headers,
      },
    };
  }
}

function bucketOf({ path }: OriginRequest): "api" | "resolvers" {
  return path.startsWith("/api/") && !path.startsWith("/api/resolve-cache/") ? "api" : "resolvers";
}

function keyOf(kind: RepoKind, id: string): string {
  return `${kind} ${id.toLowerCase()}`;
}
