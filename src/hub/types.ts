import type { ByteRange } from "../core/index.ts";

/** What kind of repository: the hub keeps three, each under its own prefix. */
export type RepoKind = "model" | "dataset" | "space";

/** A repository by the name its owner gave it: `acme/tiny`, or a legacy name without a namespace, `gpt2`. */
export interface RepoName {
  readonly kind: RepoKind;
  readonly id: string;
}

export interface HubFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Git's name of what the repository itself holds: of the file when it is small, of a pointer text when it is in LFS. */
  readonly gitOid: string;
  /** SHA-256 of the content; only files kept in LFS have one. */
  readonly sha256?: string;
}

export type Gating = "none" | "auto" | "manual";

/** What the hub says about a repository beside its files. */
export interface RepoInfo {
  readonly pipelineTask: string | null;
  readonly libraryName: string | null;
  readonly tags: readonly string[];
  readonly license: string | null;
  readonly gated: Gating;
  readonly private: boolean;
  /** Unix seconds. */
  readonly lastModified: number | null;
}

/** Where a file is found. */
export interface RepoCommit {
  readonly repo: RepoName;
  /** 40 hexadecimal digits. */
  readonly commit: string;
}

/** A repository at one commit. */
export interface RepoListing {
  readonly repo: RepoName;
  /** What was asked for: a branch, a tag, or a commit. */
  readonly revision: string;
  /** 40 hexadecimal digits. */
  readonly commit: string;
  readonly info: RepoInfo;
  /** What the hub itself read of the files. */
  readonly facts: ModelFacts;
  readonly files: readonly HubFile[];
  /** The endpoint that answered, without a slash at its end. */
  readonly endpoint: string;
  /** The endpoint is a larder, which knows chunk digests. */
  readonly isLarder: boolean;
}

export type ModelFormat = "onnx" | "gguf" | "safetensors" | "mlx" | "pytorch" | "other";

/** One usable set of files. */
export interface HubVariant {
  /** Unique in its version; fits the grammar of a reference's variant. */
  readonly name: string;
  readonly format: ModelFormat;
  /** The quantization or data type in the field's words (`q4f16`, `Q4_K_M`, `gptq-4bit`), or null when nothing tells. */
  readonly quantization: string | null;
  /** Paths of all files a user of the variant needs, common ones included, sorted. */
  readonly files: readonly string[];
  /** Those of them that hold weights. */
  readonly weightFiles: readonly string[];
  /** Of all files, common ones included. */
  readonly sizeBytes: number;
}

/** What a repository offers. */
export interface VariantSet {
  /** One at least. */
  readonly variants: readonly HubVariant[];
  /** Paths that every variant has. */
  readonly common: readonly string[];
  /** Paths of what goes with some variants and is fetched only when asked for: projectors, importance matrices, draft models. */
  readonly sidecars: readonly string[];
}

/** What small files and headers tell about a model; null where they do not. */
export interface ModelFacts {
  readonly architecture: string | null;
  readonly parameters: number | null;
  readonly contextLength: number | null;
}

export interface ReadOptions {
  /** End excluded; a file that ends before gives what it has. */
  readonly range?: ByteRange;
  /** For a whole file; 16 MiB by default. */
  readonly bytesMax?: number;
  readonly signal?: AbortSignal;
}

/**
 * Asks the hub, and mirrors where it fails. Every method may throw {@link LarderError} BAD_NAME and BAD_PATH for what it is given;
 * HUB_GATED, HUB_TOKEN_INVALID, REPO_NOT_FOUND, REVISION_NOT_FOUND, HUB_FILE_NOT_FOUND and REPO_DISABLED for what the hub refuses;
 * HUB_ANSWER for answers that no hub gives; what a net client throws; and the signal's reason.
 */
export interface HubClient {
  /**
   * Lists a repository at one commit: one request for the commit, then one per page of files.
   *
   * @param revision A branch, a tag or a commit; `main` by default.
   */
  scan(repo: RepoName, revision?: string, signal?: AbortSignal): Promise<RepoListing>;
  /** What a revision is now; one request. */
  commitOf(repo: RepoName, revision?: string, signal?: AbortSignal): Promise<string>;
  /** Where a file is fetched from, one address per endpoint in their order. */
  resolveUrls(at: RepoCommit, path: string): string[];
  /** Reads a small file, or a part of one, into memory. */
  read(at: RepoCommit, path: string, options?: ReadOptions): Promise<Uint8Array>;
}
