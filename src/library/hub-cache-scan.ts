import { lstat, readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { LarderError, parseFilePath, parseModelName, systemCode } from "../core/index.ts";
import { formatRepoName, parseRepoName, type RepoKind, type RepoName } from "../hub/index.ts";
import { type CachedBlob, findCachedBlob, readSmallFile } from "./hub-cache-blob.ts";
import { badSource, orSkip, type Skip, unsafe } from "./hub-cache-skip.ts";
import { isCommit } from "./hub-plan.ts";

export interface CachedFile {
  /** Its name in the repository. */
  readonly path: string;
  /** Where its link lies, from the cache folder on. */
  readonly place: string;
  /** Absent when it cannot be used; why was told. */
  readonly blob?: CachedBlob;
}

export interface CachedSnapshot {
  readonly commit: string;
  /** Its folder, from the cache folder on. */
  readonly place: string;
  /** One at least. */
  readonly files: readonly CachedFile[];
}

export interface CachedRepo {
  readonly repo: RepoName;
  /** What it is called here. */
  readonly model: string;
  readonly snapshots: readonly CachedSnapshot[];
  /** Commits by the names of branches and tags, which may hold slashes. */
  readonly refs: ReadonlyMap<string, string>;
}

const ENTRIES_MAX = 100_000;
const DEPTH_MAX = 64;
const REF_BYTES_MAX = 256;
const KINDS: Readonly<Record<string, RepoKind>> = { models: "model", datasets: "dataset", spaces: "space" };

interface Walk {
  readonly root: string;
  readonly skip: Skip;
  /** Counts what is looked at. @throws {LarderError} TOO_MANY */
  readonly count: () => void;
}

/**
 * Looks through a cache folder as the hub's own tools write it: `models--acme--tiny/` with `blobs/<ETag>`, `refs/<name>` holding a
 * commit, and `snapshots/<commit>/<path>`. No link in it is followed: what is not as it should be is told and never opened, so that
 * the folder cannot make us read outside of it.
 *
 * @param models Only these; all when absent.
 * @param skipOf What takes note of things left out, for a model or, with "", what has none.
 * @throws {LarderError} BAD_SOURCE when the folder is none or cannot be read, TOO_MANY.
 */
export async function scanHubCache(
  folder: string,
  models: ReadonlySet<string> | undefined,
  skipOf: (model: string) => Skip,
): Promise<CachedRepo[]> {
  const root = await realpath(folder).catch((error: unknown) => {
    throw unreadableCache(folder, error);
  });
  const names = await readdir(root).catch((error: unknown) => {
    throw unreadableCache(folder, error);
  });
  const count = counter();
  const repos: CachedRepo[] = [];
  for (const name of names.sort()) {
    const named = await orSkip(skipOf(""), name, async () => readFolderName(name));
    if (named === undefined || (models !== undefined && !models.has(named.model))) continue;
    const walk = { root, skip: skipOf(named.model), count };
    const found = await orSkip(walk.skip, name, () => scanRepo(walk, name));
    if (found !== undefined) repos.push({ ...named, ...found });
  }
  return repos;
}

/** Undefined for what is no repository at all. @throws {LarderError} BAD_NAME */
function readFolderName(name: string): Pick<CachedRepo, "repo" | "model"> | undefined {
  const [kindName = "", ...id] = name.split("--");
  const kind = Object.hasOwn(KINDS, kindName) ? KINDS[kindName] : undefined;
  if (kind === undefined || id.length === 0) return undefined;
  const model = parseModelName(formatRepoName({ kind, id: id.join("/") }));
  const repo = parseRepoName(model);
  if (repo.kind === kind) return { repo, model };
  throw new LarderError("BAD_NAME", `Cannot take ${name}: ${model} means something else here`);
}

async function scanRepo(walk: Walk, repo: string): Promise<Pick<CachedRepo, "snapshots" | "refs">> {
  const snapshots: CachedSnapshot[] = [];
  for (const name of await listFolder(walk, `${repo}/snapshots`)) {
    const place = `${repo}/snapshots/${name}`;
    const files = await orSkip(walk.skip, place, () => snapshotFiles(walk, repo, name));
    if (files !== undefined && files.length > 0) snapshots.push({ commit: name, place, files });
  }
  const refs = `${repo}/refs`;
  return { snapshots, refs: await orSkip(walk.skip, refs, () => readRefs(walk, refs)) ?? new Map() };
}

async function snapshotFiles(walk: Walk, repo: string, commit: string): Promise<CachedFile[]> {
  const snapshot = `${repo}/snapshots/${commit}`;
  if (!isCommit(commit)) throw badSource(snapshot, "its name is no commit");
  const files: CachedFile[] = [];
  await eachFile(walk, snapshot, 0, async (place) => {
    const path = parseFilePath(place.slice(snapshot.length + 1));
    const blob = await orSkip(walk.skip, place, () => findCachedBlob(walk.root, repo, place));
    files.push({ path, place, ...(blob === undefined ? {} : { blob }) });
  });
  return files;
}

async function readRefs(walk: Walk, folder: string): Promise<Map<string, string>> {
  const refs = new Map<string, string>();
  await eachFile(walk, folder, 0, async (place) => {
    const commit = (await readSmallFile(join(walk.root, place), REF_BYTES_MAX))?.trim() ?? "";
    if (!isCommit(commit)) throw badSource(place, "it holds no commit");
    refs.set(place.slice(folder.length + 1), commit);
  });
  return refs;
}

/** Visits everything below a folder that is no folder. What goes wrong with one thing is told, and the others go on. */
async function eachFile(
  walk: Walk,
  folder: string,
  depth: number,
  visit: (place: string) => Promise<void>,
): Promise<void> {
  if (depth > DEPTH_MAX) throw badSource(folder, "it lies too deep");
  for (const name of await listFolder(walk, folder)) {
    const place = `${folder}/${name}`;
    walk.count();
    await orSkip(walk.skip, place, async () => {
      const isFolder = (await lstat(join(walk.root, place))).isDirectory();
      await (isFolder ? eachFile(walk, place, depth + 1, visit) : visit(place));
    });
  }
}

/** Sorted names in a real folder; none when it is not there. What finders of desktops leave is passed over. */
async function listFolder({ root }: Walk, place: string): Promise<string[]> {
  const folder = join(root, place);
  try {
    if (!(await lstat(folder)).isDirectory()) throw unsafe(place, "it is not a folder");
    return (await readdir(folder)).filter((name) => name !== ".DS_Store").sort();
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
}

function counter(): () => void {
  let entries = 0;
  return () => {
    if (++entries <= ENTRIES_MAX) return;
    throw new LarderError("TOO_MANY", `Cannot look through more than ${ENTRIES_MAX} cached files at once`, {
      field: "path",
      hint: "Name the models to import.",
    });
  };
}

function unreadableCache(folder: string, error: unknown): LarderError {
  return new LarderError("BAD_SOURCE", `Cannot import the cache ${folder}: ${systemCode(error)}`, {
    field: "path",
    hint: "Give the folder that holds models--… and the like, on the machine that owns the home.",
    cause: error,
  });
}
