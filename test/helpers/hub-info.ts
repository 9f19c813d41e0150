import type { CommitAsk } from "./hub-context.ts";
import { json } from "./hub-replies.ts";
import type { Commit, Repository } from "./hub-repository.ts";
import type { OriginFile } from "./origin.ts";

/** A repository at a commit. `expand` leaves out what it does not name; `blobs` adds sizes and digests of the files. */
export async function repoInfo({ repo, commit, query }: CommitAsk): Promise<OriginFile> {
  const all: Record<string, unknown> = {
    _id: repo.key,
    id: repo.id,
    ...(repo.kind === "model" ? { modelId: repo.id } : {}),
    author: repo.id.includes("/") ? repo.id.split("/", 1)[0] : undefined,
    sha: commit.id,
    lastModified: new Date(commit.atMs).toISOString(),
    private: repo.private,
    gated: repo.gated ?? false,
    disabled: repo.disabled,
    downloads: 0,
    likes: 0,
    tags: tagsOf(repo),
    pipeline_tag: repo.pipelineTask,
    library_name: repo.libraryName,
    cardData: repo.license === undefined ? undefined : { license: repo.license },
    siblings: await siblings(commit, query.get("blobs")?.toLowerCase() === "true"),
  };
  const expand = [...query.getAll("expand"), ...query.getAll("expand[]")];
  if (expand.length === 0) return json(all);
  return json(Object.fromEntries(["_id", "id", ...expand].map((key) => [key, all[key]])));
}

/** Branches, tags, conversions and, when asked for, pull requests. */
export function refs({ repo, query }: { repo: Repository; query: URLSearchParams }): OriginFile {
  const branches = [...repo.branches];
  const under = (prefix: string) => branches.filter(([name]) => name.startsWith(prefix));
  const plain = branches.filter(([name]) => !name.startsWith("refs/"));
  return json({
    branches: plain.map(([name, commit]) => ref(name, `refs/heads/${name}`, commit)),
    converts: under("refs/convert/").map(([name, commit]) => ref(name.slice(13), name, commit)),
    tags: [...repo.tagged].map(([name, commit]) => ref(name, `refs/tags/${name}`, commit)),
    ...(query.has("include_prs")
      ? { pullRequests: under("refs/pr/").map(([name, commit]) => ref(name.slice(8), name, commit)) }
      : {}),
  });
}

function ref(name: string, full: string, commit: Commit) {
  return { name, ref: full, targetCommit: commit.id };
}

function tagsOf(repo: Repository): string[] {
  const library = repo.libraryName === undefined ? [] : [repo.libraryName];
  const license = repo.license === undefined ? [] : [`license:${repo.license}`];
  return [...library, ...repo.tags, ...license];
}

async function siblings(commit: Commit, withBlobs: boolean): Promise<unknown[]> {
  const files = [...commit.tree.values()];
  if (!withBlobs) return files.map((file) => ({ rfilename: file.path }));
  return await Promise.all(files.map(async (file) => {
    const { gitOid, lfs } = await file.digests();
    const large = lfs && { sha256: lfs.sha256, size: file.sizeBytes, pointerSize: lfs.pointer.length };
    return { rfilename: file.path, size: file.sizeBytes, blobId: gitOid, lfs: large };
  }));
}
