import type { CommitAsk, HubContext } from "./hub-context.ts";
import type { LfsDigests } from "./hub-content.ts";
import { NO_ENTRY, notModified, redirect, refuse } from "./hub-replies.ts";
import type { Repository, TreeFile } from "./hub-repository.ts";
import type { OriginFile, OriginRequest } from "./origin.ts";

/** A file of LFS is at the CDN; every other one at an address that names its commit. */
export async function resolveFile(context: HubContext, ask: CommitAsk): Promise<OriginFile> {
  const { repo, commit, path, request } = ask;
  const file = commit.tree.get(path);
  if (!file) return refuse(NO_ENTRY, commitHeader(ask));
  const { gitOid, lfs } = await file.digests();
  const etag = `"${lfs?.sha256 ?? gitOid}"`;
  if (isKnown(request, etag)) return notModified(etag, commitHeader(ask));
  if (lfs) return await redirectToCdn(context, ask, file, lfs);
  const query = `?${encodeURIComponent(request.path)}=&etag=${encodeURIComponent(etag)}`;
  return redirect(307, repo.cachePath(path, commit.id) + query, commitHeader(ask));
}

export async function cachedFile(context: HubContext, ask: CommitAsk): Promise<OriginFile> {
  const file = ask.commit.tree.get(ask.path);
  if (!file) return refuse(NO_ENTRY, commitHeader(ask));
  if (file.inLfs) return await resolveFile(context, ask);
  const { gitOid } = await file.digests();
  const etag = `"${gitOid}"`;
  if (isKnown(ask.request, etag)) return notModified(etag, commitHeader(ask));
  return servePlain(context, ask, file.content, gitOid);
}

/** What git itself holds: of a file in LFS its pointer text. */
export async function rawFile(context: HubContext, ask: CommitAsk): Promise<OriginFile> {
  const file = ask.commit.tree.get(ask.path);
  if (!file) return refuse(NO_ENTRY, commitHeader(ask));
  const { gitOid, lfs } = await file.digests();
  return servePlain(context, ask, lfs ? Buffer.from(lfs.pointer) : file.content, gitOid);
}

/** Header values that lead a client to the hub's other way to transfer a file. */
function xetHeaders(context: HubContext, repo: Repository, commit: string, { xetHash }: LfsDigests) {
  const auth = `${context.endpoint}/api/${repo.kind}s/${repo.id}/xet-read-token/${commit}`;
  const info = `${context.cdnOrigin}/v1/reconstructions/${xetHash}`;
  return {
    "X-Xet-Hash": xetHash,
    "Link": `<${auth}>; rel="xet-auth", <${info}>; rel="xet-reconstruction-info"`,
  };
}

async function redirectToCdn(
  context: HubContext,
  ask: CommitAsk,
  file: TreeFile,
  lfs: LfsDigests,
): Promise<OriginFile> {
  const { repo, commit, path } = ask;
  const address = context.signed.sign(await repo.cdnPath(path, commit.id), file, { id: repo.id, path });
  return redirect(302, context.cdnOrigin + address, {
    ...commitHeader(ask),
    "X-Linked-Etag": `"${lfs.sha256}"`,
    "X-Linked-Size": String(file.sizeBytes),
    "Accept-Ranges": "bytes",
    ...(context.xet ? xetHeaders(context, repo, commit.id, lfs) : {}),
  });
}

function servePlain(
  context: HubContext,
  ask: CommitAsk,
  content: OriginFile["content"],
  gitOid: string,
): OriginFile {
  context.noteFiles(ask.request, { id: ask.repo.id, path: ask.path });
  const headers = { "Content-Type": "text/plain; charset=utf-8", ...commitHeader(ask) };
  return { content, etag: `"${gitOid}"`, ranges: true, headers };
}

function commitHeader({ commit }: CommitAsk): Record<string, string> {
  return { "X-Repo-Commit": commit.id };
}

/** @see RFC 9110 §13.1.2: the comparison is weak. */
function isKnown(request: OriginRequest, etag: string): boolean {
  const tags = request.headers.get("if-none-match")?.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags?.some((tag) => tag === "*" || tag === etag) ?? false;
}
