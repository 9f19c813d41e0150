import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { HubFile, HubRepository } from "./hub-repository.ts";

export const HUB_REQUESTS = ["info", "tree", "paths", "resolve", "content", "other"] as const;
/** What a request is for; `content` is the bytes of a small file. */
export type HubRequest = (typeof HUB_REQUESTS)[number];

export interface HubAnswer {
  readonly request: HubRequest;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer>;
}

const CHANGED_AT = "2026-01-02T03:04:05.000Z";

/** Every answer that takes no question in its body, by {@link answerKey}. */
export function hubAnswers(repository: HubRepository, hubUrl: string): [key: string, HubAnswer][] {
  return [
    ...infoAnswers(repository),
    ...treeAnswers(repository, hubUrl),
    ...repository.files.flatMap((file) => fileAnswers(repository, file)),
  ];
}

/** What tells two answers apart: the path, and of the query what changes the answer. */
export function answerKey(path: string, query: URLSearchParams): string {
  const cursor = query.get("cursor");
  if (cursor !== null) return `${path}?cursor=${cursor}`;
  return query.has("expand") && path.includes("/revision/") ? `${path}?expand` : path;
}

/** By path, what `paths-info` says with `expand`. */
export function pathEntries({ commit, files }: HubRepository): Map<string, unknown> {
  const more = {
    lastCommit: { id: commit, title: "Upload", date: CHANGED_AT },
    securityFileStatus: { status: "safe", avScan: { status: "safe" }, pickleImportScan: null },
  };
  return new Map(files.map((file) => [file.path, { ...fileEntry(file), ...more }]));
}

/** Whole, and with `expand` without the list of files. */
function infoAnswers({ id, commit, files, said }: HubRepository): [string, HubAnswer][] {
  const short = {
    _id: commit.slice(0, 24),
    id,
    modelId: id,
    author: id.split("/", 1)[0],
    sha: commit,
    lastModified: CHANGED_AT,
    createdAt: CHANGED_AT,
    private: false,
    gated: false,
    disabled: false,
    downloads: 1000,
    likes: 10,
    tags: ["license:apache-2.0"],
    cardData: { license: "apache-2.0" },
    ...said,
  };
  const whole = { ...short, siblings: files.map(({ path }) => ({ rfilename: path })) };
  return ["main", commit].map((revision) => `/api/models/${id}/revision/${revision}`).flatMap((path) => [
    [path, json("info", whole)],
    [`${path}?expand`, json("info", short)],
  ]);
}

function treeAnswers(
  { id, commit, files, pageEntries }: HubRepository,
  hubUrl: string,
): [string, HubAnswer][] {
  const path = `/api/models/${id}/tree/${commit}`;
  const entries = [...files.map(fileEntry), ...folderEntries(files)].sort((a, b) => a.path < b.path ? -1 : 1);
  const pages = Math.max(1, Math.ceil(entries.length / pageEntries));
  return Array.from({ length: pages }, (_, page) => {
    const next = `<${hubUrl}${path}?recursive=true&expand=false&cursor=${page + 1}>; rel="next"`;
    const headers = page + 1 < pages ? { Link: next } : {};
    const key = page === 0 ? path : `${path}?cursor=${page}`;
    return [key, json("tree", entries.slice(page * pageEntries, (page + 1) * pageEntries), headers)];
  });
}

function fileEntry({ path, sizeBytes: size, gitOid, sha256 }: HubFile) {
  const lfs = sha256 === undefined ? {} : { lfs: { oid: sha256, size, pointerSize: 134 } };
  return { type: "file", oid: gitOid, size, ...lfs, path };
}

function folderEntries(files: readonly HubFile[]) {
  const folders = new Set(files.flatMap(({ path }) => {
    const parts = path.split("/").slice(0, -1);
    return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
  }));
  return [...folders].map((path) => {
    const oid = createHash("sha1").update(path).digest("hex");
    return { type: "directory", oid, size: 0, path };
  });
}

/** A small file lies at the hub, at an address that names its commit; a large one somewhere else. */
function fileAnswers({ id, commit }: HubRepository, file: HubFile): [string, HubAnswer][] {
  const { path, sizeBytes, gitOid, sha256, localPath, url } = file;
  const from = ["main", commit].map((revision) => `/${id}/resolve/${revision}/${path}`);
  const about = { "X-Repo-Commit": commit };
  if (localPath !== undefined) {
    const at = `/api/resolve-cache/models/${id}/${commit}/${path}`;
    const etag = `"${gitOid}"`;
    const content: HubAnswer = {
      request: "content",
      status: 200,
      headers: {
        ...about,
        ETag: etag,
        "Accept-Ranges": "bytes",
        "Content-Type": "text/plain; charset=utf-8",
      },
      body: new Uint8Array(readFileSync(localPath)),
    };
    const toCache = (key: string): [string, HubAnswer] => {
      const location = `${at}?${encodeURIComponent(key)}=&etag=${encodeURIComponent(etag)}`;
      return [key, redirect(307, { ...about, Location: location })];
    };
    return [[at, content], ...from.map(toCache)];
  }
  if (url === undefined) return [];
  const linked = {
    "X-Linked-Etag": `"${sha256}"`,
    "X-Linked-Size": String(sizeBytes),
    "Accept-Ranges": "bytes",
  };
  return from.map((key) => [key, redirect(302, { ...about, ...linked, Location: url })]);
}

function redirect(status: number, headers: HubAnswer["headers"]): HubAnswer {
  const type = { "Content-Type": "text/plain; charset=utf-8" };
  return {
    request: "resolve",
    status,
    headers: { ...type, ...headers },
    body: `Redirecting to ${headers["Location"]}`,
  };
}

function json(request: HubRequest, value: unknown, headers: HubAnswer["headers"] = {}): HubAnswer {
  const type = { "Content-Type": "application/json; charset=utf-8" };
  return {
    request,
    status: 200,
    headers: { ...type, ...headers },
    body: new TextEncoder().encode(JSON.stringify(value)),
  };
}
