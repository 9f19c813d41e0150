import { createHash } from "node:crypto";
import type { CommitAsk, HubContext } from "./hub-context.ts";
import { json, NO_ENTRY, refuse } from "./hub-replies.ts";
import type { Commit, TreeFile } from "./hub-repository.ts";
import type { OriginFile, OriginRequest } from "./origin.ts";

/** What one path of a commit is: a file, or a folder with all files below it. */
type Entry =
  & { readonly path: string }
  & ({ readonly file: TreeFile } | { readonly below: readonly TreeFile[] });

/** One page of a folder, files and folders, by path. The next page has an absolute address in `Link`. */
export async function treePage(context: HubContext, ask: CommitAsk): Promise<OriginFile> {
  const { answers } = ask.commit;
  const key = `tree ${ask.request.target}`;
  const answer = answers.get(key) ?? await makePage(context, ask);
  answers.set(key, answer);
  return answer;
}

/** The entries of the paths that were asked for by a form or by JSON; unknown paths are left out. */
export async function pathsInfo(context: HubContext, { request, commit }: CommitAsk): Promise<OriginFile> {
  const { paths, expand } = readPaths(request);
  const entries = paths.map((path) => entryAt(commit, path)).filter((entry) => entry !== undefined);
  return json(await Promise.all(entries.map((entry) => describe(context, entry, expand))));
}

async function makePage(context: HubContext, ask: CommitAsk): Promise<OriginFile> {
  const { commit, path, query, request } = ask;
  const isThere = path === "" || [...commit.tree.keys()].some((one) => one.startsWith(`${path}/`));
  if (!isThere) return refuse(NO_ENTRY, { "X-Repo-Commit": commit.id });
  const entries = entriesOf(commit, path, isTrue(query.get("recursive")));
  const size = Math.min(Number(query.get("limit") ?? Infinity), context.pageFiles);
  const after = Buffer.from(query.get("cursor") ?? "", "base64url").toString();
  const start = after === "" ? 0 : entries.findIndex((entry) => entry.path > after);
  const page = start < 0 ? [] : entries.slice(start, start + size);
  const hasMore = start >= 0 && start + size < entries.length;
  const expand = isTrue(query.get("expand"));
  const body = await Promise.all(page.map((entry) => describe(context, entry, expand)));
  return json(body, hasMore ? { Link: nextLink(context, request, query, page.at(-1)?.path ?? "") } : {});
}

function nextLink(
  context: HubContext,
  { path }: OriginRequest,
  query: URLSearchParams,
  last: string,
): string {
  const next = new URLSearchParams(query);
  next.set("cursor", Buffer.from(last).toString("base64url"));
  return `<${context.endpoint}${path}?${next}>; rel="next"`;
}

function entriesOf(commit: Commit, folder: string, recursive: boolean): Entry[] {
  const prefix = folder === "" ? "" : `${folder}/`;
  const files = [...commit.tree.values()].filter((file) => file.path.startsWith(prefix));
  const below = new Map<string, TreeFile[]>();
  for (const file of files) {
    for (const name of foldersOf(file.path)) {
      if (name.length <= folder.length) continue;
      const inside = below.get(name) ?? [];
      inside.push(file);
      below.set(name, inside);
    }
  }
  const entries: Entry[] = [
    ...files.map((file) => ({ path: file.path, file })),
    ...[...below].map(([path, inside]) => ({ path, below: inside })),
  ];
  const direct = (path: string) => !path.slice(prefix.length).includes("/");
  return entries.filter(({ path }) => recursive || direct(path)).sort((a, b) => a.path < b.path ? -1 : 1);
}

/** `a/b/c.txt` lies in `a` and `a/b`. */
function foldersOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, i) => parts.slice(0, i + 1).join("/"));
}

function entryAt(commit: Commit, path: string): Entry | undefined {
  const file = commit.tree.get(path);
  if (file) return { path, file };
  const below = [...commit.tree.values()].filter((one) => one.path.startsWith(`${path}/`));
  return below.length > 0 ? { path, below } : undefined;
}

async function describe({ xet }: HubContext, entry: Entry, expand: boolean): Promise<unknown> {
  if ("below" in entry) {
    const latest = entry.below.map((file) => file.changedIn).reduce((a, b) => b.atMs > a.atMs ? b : a);
    const more = expand ? { lastCommit: lastCommit(latest) } : {};
    return { type: "directory", oid: folderOid(entry.below), size: 0, path: entry.path, ...more };
  }
  const { path, file } = entry;
  const { gitOid, lfs } = await file.digests();
  return {
    type: "file",
    oid: gitOid,
    size: file.sizeBytes,
    ...(lfs ? { lfs: { oid: lfs.sha256, size: file.sizeBytes, pointerSize: lfs.pointer.length } } : {}),
    ...(lfs && xet ? { xetHash: lfs.xetHash } : {}),
    path,
    ...(expand ? { lastCommit: lastCommit(file.changedIn), securityFileStatus: UNSUSPICIOUS } : {}),
  };
}

const UNSUSPICIOUS = { status: "safe", avScan: { status: "safe" }, pickleImportScan: null };

function lastCommit({ id, title, atMs }: TreeFile["changedIn"]) {
  return { id, title, date: new Date(atMs).toISOString() };
}

/** Changes with the content, but is not what git would compute. */
function folderOid(files: readonly TreeFile[]): string {
  const hash = createHash("sha1");
  for (const file of files) hash.update(`${file.path}\0${file.mark}\n`);
  return hash.digest("hex");
}

function readPaths(request: OriginRequest): { paths: string[]; expand: boolean } {
  const text = Buffer.from(request.body).toString();
  if (request.headers.get("content-type")?.startsWith("application/json")) {
    const { paths = [], expand = false } = JSON.parse(text);
    return { paths: [paths].flat(), expand };
  }
  const form = new URLSearchParams(text);
  return { paths: form.getAll("paths"), expand: isTrue(form.get("expand")) };
}

/** Clients write `true`, `True` and `1`. */
function isTrue(value: string | null): boolean {
  return value !== null && ["true", "1"].includes(value.toLowerCase());
}
