import { createHash } from "node:crypto";
import { type HubContent, type LfsRule, type StoredFile, storeFile } from "./hub-content.ts";
import type { RepoKind } from "./hub-target.ts";
import type { OriginFile } from "./origin.ts";

export interface RepositoryOptions {
  /** Default model. */
  readonly kind?: RepoKind;
  /** `acme/tiny`, or a legacy name without a namespace. */
  readonly id: string;
  readonly private?: boolean;
  readonly gated?: "auto" | "manual";
  readonly disabled?: boolean;
  readonly tags?: readonly string[];
  readonly pipelineTask?: string;
  readonly libraryName?: string;
  readonly license?: string;
}

export interface CommitOptions {
  /** Default main. Also `refs/pr/1` or `refs/convert/onnx`. A new one grows out of main. */
  readonly branch?: string;
  /** Files of the branch that are not named stay. */
  readonly keep?: boolean;
  readonly title?: string;
}

export interface Commit {
  /** 40 hexadecimal digits; the same for the same files on the same parent. */
  readonly id: string;
  readonly title: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** By path, sorted. */
  readonly tree: ReadonlyMap<string, TreeFile>;
  /** Answers that never change, by what was asked. */
  readonly answers: Map<string, OriginFile>;
}

export interface TreeFile extends StoredFile {
  /** The commit that gave it its content. */
  readonly changedIn: Pick<Commit, "id" | "title" | "atMs">;
}

export interface RepositorySettings extends LfsRule {
  readonly now: () => number;
}

/** A repository of the test hub. What its fields say holds from the next request on. */
export class Repository {
  readonly kind: RepoKind;
  id: string;
  private: boolean;
  gated: "auto" | "manual" | undefined;
  disabled: boolean;
  tags: readonly string[];
  pipelineTask: string | undefined;
  libraryName: string | undefined;
  license: string | undefined;
  /** By name, pull requests and conversions (`refs/…`) included. */
  readonly branches = new Map<string, Commit>();
  readonly tagged = new Map<string, Commit>();
  /** 24 hexadecimal digits that a rename does not change. */
  readonly key: string;
  readonly #commits = new Map<string, Commit>();
  #blobs = 0;

  constructor(options: RepositoryOptions, private readonly settings: RepositorySettings) {
    this.kind = options.kind ?? "model";
    this.id = options.id;
    this.private = options.private ?? false;
    this.gated = options.gated;
    this.disabled = options.disabled ?? false;
    this.tags = options.tags ?? [];
    this.pipelineTask = options.pipelineTask;
    this.libraryName = options.libraryName;
    this.license = options.license;
    this.key = createHash("sha256").update(`${this.kind} ${this.id}`).digest("hex").slice(0, 24);
  }

  /** Makes a commit of these files and moves the branch to it. Gives its id. */
  commit(files: Readonly<Record<string, HubContent>>, options: CommitOptions = {}): string {
    const { branch = "main", keep = false, title = "Change files" } = options;
    const parent = this.branches.get(branch) ?? this.branches.get("main");
    const stored = Object.entries(files).map(([path, content]) => this.#store(path, content));
    const kept = keep && parent ? [...parent.tree.values()] : [];
    const all = new Map([...kept, ...stored].map((file) => [file.path, file]));
    const sorted = [...all.values()].sort((a, b) => a.path < b.path ? -1 : 1);
    const id = commitId(parent, sorted);
    const said = { id, title, atMs: this.settings.now() };
    const tree = new Map(
      sorted.map((file) => [file.path, { ...file, changedIn: changedIn(file, parent, said) }]),
    );
    const commit = this.#commits.get(id) ?? { ...said, tree, answers: new Map() };
    this.#commits.set(id, commit);
    this.branches.set(branch, commit);
    return id;
  }

  /** Puts a branch on a commit that is there, as a forced push or a new branch does. */
  move(branch: string, revision: string): void {
    this.branches.set(branch, this.get(revision));
  }

  /** Sets a tag, also one that was set before. */
  tag(name: string, revision = "main"): void {
    this.tagged.set(name, this.get(revision));
  }

  /** @param revision A branch, a tag, `HEAD`, a full ref or a whole commit id. */
  find(revision: string): Commit | undefined {
    const name = revision === "HEAD" ? "main" : revision.replace(/^refs\/(?:heads|tags)\//, "");
    return this.branches.get(name) ?? this.tagged.get(name) ?? this.#commits.get(revision);
  }

  get(revision: string): Commit {
    const commit = this.find(revision);
    if (!commit) throw new Error(`${this.id} has no revision ${revision}`);
    return commit;
  }

  /** Of one file. @throws When it is not there. */
  file(path: string, revision = "main"): TreeFile {
    const file = this.get(revision).tree.get(path);
    if (!file) throw new Error(`${this.id} has no ${path} at ${revision}`);
    return file;
  }

  /** Where clients ask for a file, percent-encoded: `/acme/tiny/resolve/main/config.json`. */
  resolvePath(path: string, revision = "main"): string {
    const prefix = this.kind === "model" ? "" : `/${this.kind}s`;
    return `${prefix}/${this.id}/resolve/${encodeURIComponent(revision)}/${encodePath(path)}`;
  }

  /** Where the hub sends them for a file that is not in LFS, without the query. */
  cachePath(path: string, revision = "main"): string {
    const commit = this.get(revision).id;
    return `/api/resolve-cache/${this.kind}s/${this.id}/${commit}/${encodePath(path)}`;
  }

  /** Where the hub sends them for a file in LFS: the path at the CDN, without the signature. */
  async cdnPath(path: string, revision = "main"): Promise<string> {
    const { lfs } = await this.file(path, revision).digests();
    if (!lfs) throw new Error(`${path} is not in LFS`);
    return `/repos/${this.key}/${lfs.sha256}`;
  }

  #store(path: string, content: HubContent): StoredFile {
    const mark = content instanceof Blob ? this.#blobMark(content) : "";
    return storeFile(path, content, this.settings, mark);
  }

  #blobMark(blob: Blob): string {
    const name = "name" in blob && "lastModified" in blob
      ? `${blob.name} ${blob.lastModified}`
      : `blob ${this.#blobs++}`;
    return `${name} ${blob.size}`;
  }
}

export function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

function commitId(parent: Commit | undefined, files: readonly StoredFile[]): string {
  const lines = files.map((file) => `${file.path}\0${file.mark}\n`);
  return createHash("sha1").update(`commit on ${parent?.id}\n`).update(lines.join("")).digest("hex");
}

function changedIn(
  file: StoredFile,
  parent: Commit | undefined,
  commit: TreeFile["changedIn"],
): TreeFile["changedIn"] {
  const before = parent?.tree.get(file.path);
  return before?.mark === file.mark ? before.changedIn : commit;
}
