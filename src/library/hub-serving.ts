import { LRUCache } from "lru-cache";
import { type Digest, LarderError, LATEST, sha256, unpackDigests } from "../core/index.ts";
import type { RepoInfo, RepoKind } from "../hub/index.ts";
import type { Registry, VersionFile } from "../registry/index.ts";

/** Files of versions that are kept in memory, all versions together. */
const FILES_MAX = 200_000;
const NAMES_MAX = 10_000;
/** Model and revision together; longer ones nobody could have given. */
const NAME_LENGTH_MAX = 600;
const PAGE_MODELS = 500;
const COMMIT = /^[0-9a-f]{40}$/;
/** What the hub's clients take for granted in every repository. */
const DEFAULT_BRANCH = "main";
const PREFIX: Readonly<Record<RepoKind, string>> = { model: "", dataset: "datasets/", space: "spaces/" };

/** A file as it would lie in a hub's repository. */
export interface HubServedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: Digest;
  /** Git's name of what the repository itself would hold: of the content, or of the pointer to it. */
  readonly gitOid: string;
  /** Present when the repository would hold a pointer: how long that is. */
  readonly pointerBytes?: number;
}

/** A version under the name that the hub's clients know it by. */
export interface HubRevision {
  readonly model: string;
  readonly version: string;
  /** 40 hexadecimal digits, also of a version that no hub named. */
  readonly commit: string;
  readonly createdAtS: number;
}

export interface HubSnapshot extends HubRevision {
  /** By path, in order of code units. */
  readonly files: ReadonlyMap<string, HubServedFile>;
}

export interface HubRefs {
  /** `main` first. */
  readonly branches: ReadonlyArray<{ readonly name: string; readonly commit: string }>;
  readonly tags: ReadonlyArray<{ readonly name: string; readonly commit: string }>;
}

export interface HubModelQuery {
  readonly kind: RepoKind;
  /** Part of a name, any case. */
  readonly search?: string | undefined;
  readonly author?: string | undefined;
  readonly limit: number;
  /** The last model of the page before. */
  readonly after?: string | undefined;
}

export interface HubModelPage {
  readonly models: readonly HubRevision[];
  /** What to give as `after` for the next page; absent after the last one. */
  readonly next: string | undefined;
}

export interface BlobChunks {
  readonly sizeBytes: number;
  /** Of all chunks, in order. */
  readonly chunks: readonly Digest[];
}

/** What a listener needs to answer the hub's clients from what is here. */
export interface HubServing {
  /** The version that a revision stands for: its name, its commit, an alias, or a branch or tag with `refs/heads/` or `refs/tags/` before it. */
  findRevision(model: string, revision: string): string | undefined;
  /** @throws {LarderError} MODEL_NOT_FOUND, VERSION_NOT_FOUND */
  snapshot(model: string, revision: string): HubSnapshot;
  /** @throws {LarderError} MODEL_NOT_FOUND */
  refs(model: string): HubRefs;
  /** What the hub said of a version, when it came from one. Read anew each time. */
  info(model: string, version: string): RepoInfo | undefined;
  /** What `main` is of each, in order of name; `createdAtS` is when the model last changed. */
  models(query: HubModelQuery): HubModelPage;
  /** Undefined for a blob that is unknown, or whose chunks were never read. */
  chunkDigests(digest: Digest): BlobChunks | undefined;
}

export interface HubServingDeps {
  readonly registry: Pick<
    Registry,
    "findBlob" | "findModel" | "findVersion" | "generation" | "hasModel" | "listModels" | "resolveVersion"
  >;
  /** What the hub said of a version, when it came from one. */
  readonly info?: (model: string, version: string) => RepoInfo | undefined;
}

/** Reads the registry as a hub would be read. */
export function createHubServing(deps: HubServingDeps): HubServing {
  return new RegistryServing(deps);
}

/** What was read is kept until the registry changes. */
class RegistryServing implements HubServing {
  readonly #registry: HubServingDeps["registry"];
  readonly info: HubServing["info"];
  readonly #revisions = new LRUCache<string, { readonly version: string | undefined }>({ max: NAMES_MAX });
  readonly #snapshots = new LRUCache<string, HubSnapshot>({
    maxSize: FILES_MAX,
    sizeCalculation: ({ files }) => files.size + 1,
  });
  #generation = -1;

  constructor({ registry, info = () => undefined }: HubServingDeps) {
    this.#registry = registry;
    this.info = info;
  }

  findRevision(model: string, revision: string): string | undefined {
    this.#forgetOld();
    const key = `${model}\0${revision}`;
    if (key.length > NAME_LENGTH_MAX) return undefined;
    const known = this.#revisions.get(key);
    if (known !== undefined) return known.version;
    const version = lookUpRevision(this.#registry, model, revision);
    this.#revisions.set(key, { version });
    return version;
  }

  snapshot(model: string, revision: string): HubSnapshot {
    const version = this.#getRevision(model, revision);
    const key = `${model}\0${version}`;
    const known = this.#snapshots.get(key);
    if (known !== undefined) return known;
    const snapshot = this.#read(model, version);
    this.#snapshots.set(key, snapshot);
    return snapshot;
  }

  refs(model: string): HubRefs {
    const main = { name: DEFAULT_BRANCH, commit: commitOf(this.#getRevision(model, DEFAULT_BRANCH)) };
    const { aliases = {}, versions = [] } = this.#registry.findModel(model) ?? {};
    const others = Object.entries(aliases).filter(([alias]) => alias !== DEFAULT_BRANCH);
    const named = versions.filter(({ version }) => !COMMIT.test(version));
    return {
      branches: [main, ...others.map(([name, version]) => ({ name, commit: commitOf(version) }))],
      tags: named.map(({ version }) => ({ name: version, commit: commitOf(version) })),
    };
  }

  models(query: HubModelQuery): HubModelPage {
    const rows = modelRows(this.#registry, query);
    const models = rows.slice(0, query.limit).map(({ model, updatedAtS }) => {
      const version = this.#getRevision(model, DEFAULT_BRANCH);
      return { model, version, commit: commitOf(version), createdAtS: updatedAtS };
    });
    return { models, next: rows.length > query.limit ? models.at(-1)?.model : undefined };
  }

  chunkDigests(digest: Digest): BlobChunks | undefined {
    const { sizeBytes = 0, chunkDigests } = this.#registry.findBlob(digest) ?? {};
    return chunkDigests && { sizeBytes, chunks: unpackDigests(chunkDigests) };
  }

  #forgetOld(): void {
    const generation = this.#registry.generation();
    if (generation === this.#generation) return;
    this.#generation = generation;
    this.#revisions.clear();
    this.#snapshots.clear();
  }

  #getRevision(model: string, revision: string): string {
    const version = this.findRevision(model, revision);
    if (version !== undefined) return version;
    if (!this.#registry.hasModel(model)) throw modelNotFound(model);
    throw new LarderError(
      "VERSION_NOT_FOUND",
      `Cannot find revision ${JSON.stringify(revision)} of ${model}`,
      {
        field: "revision",
        details: { revision },
      },
    );
  }

  #read(model: string, version: string): HubSnapshot {
    const row = this.#registry.findVersion(model, version);
    if (row === undefined) throw modelNotFound(model);
    const files = row.files.map(toServedFile).sort((a, b) => a.path < b.path ? -1 : 1);
    return {
      ...{ model, version, commit: commitOf(version), createdAtS: row.createdAtS },
      files: new Map(files.map((file) => [file.path, file])),
    };
  }
}

/** The text that a repository holds in place of a file that lies in LFS (git-lfs, docs/spec.md, version 1). */
export function lfsPointer({ sha256: oid, sizeBytes }: Pick<HubServedFile, "sha256" | "sizeBytes">): string {
  return `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${sizeBytes}\n`;
}

/** Clients take nothing but 40 digits for a commit: a version of another name gets the first 40 of the SHA-256 of its name. */
function commitOf(version: string): string {
  return COMMIT.test(version) ? version : sha256(version).slice(0, 40);
}

type Names = Pick<Registry, "resolveVersion" | "findModel">;

function lookUpRevision(registry: Names, model: string, revision: string): string | undefined {
  const name = revision.replace(/^refs\/(?:heads|tags)\//, "");
  if (name === "HEAD" || name === DEFAULT_BRANCH) {
    return registry.resolveVersion(model, DEFAULT_BRANCH) ?? registry.resolveVersion(model, LATEST);
  }
  const version = registry.resolveVersion(model, name);
  if (version !== undefined || !COMMIT.test(name)) return version;
  return registry.findModel(model)?.versions.find((one) => commitOf(one.version) === name)?.version;
}

function toServedFile({ path, digest, sizeBytes, gitOid }: VersionFile): HubServedFile {
  const file = { path, sizeBytes, sha256: digest };
  if (gitOid !== undefined) return { ...file, gitOid };
  const pointer = lfsPointer(file);
  return { ...file, gitOid: gitBlobOid(pointer), pointerBytes: pointer.length };
}

/** @param text ASCII */
function gitBlobOid(text: string): string {
  return new Bun.CryptoHasher("sha1").update(`blob ${text.length}\0${text}`).digest("hex");
}

/** One more than the limit, when there are more. */
function modelRows(registry: Pick<Registry, "listModels">, query: HubModelQuery) {
  const { kind, author, search = "", limit } = query;
  const start = PREFIX[kind] + (author === undefined ? "" : `${author}/`);
  const text = search.toLowerCase();
  const isWanted = (model: string) =>
    kindOf(model) === kind && model.startsWith(start) &&
    model.slice(PREFIX[kind].length).toLowerCase().includes(text);
  const found = [];
  let after = query.after ?? "";
  for (let isMore = true; isMore && found.length <= limit;) {
    const rows = registry.listModels({ limit: PAGE_MODELS, after, ...(search === "" ? {} : { q: search }) });
    found.push(...rows.filter(({ model }) => isWanted(model)));
    after = rows.at(-1)?.model ?? after;
    isMore = rows.length === PAGE_MODELS;
  }
  return found.slice(0, limit + 1);
}

function kindOf(model: string): RepoKind {
  if (/^datasets\/./.test(model)) return "dataset";
  return /^spaces\/./.test(model) ? "space" : "model";
}

function modelNotFound(model: string): LarderError {
  return new LarderError("MODEL_NOT_FOUND", `Cannot find model ${JSON.stringify(model)}`, {
    field: "model",
    hint: "See `larder list` for what is there, or pull it.",
  });
}
