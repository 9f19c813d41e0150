import { mkdir, open, readdir, readFile, readlink, rename, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { KeyedQueue, LarderError, parseVersion, systemCode } from "../core/index.ts";
import { findEntry, onDisk } from "./disk-error.ts";
import {
  hubBlobName,
  hubCommit,
  hubFolder,
  hubLinkText,
  inexactName,
  refuseInexactNames,
} from "./hub-names.ts";
import { FILE_MODE, FOLDER_MODE, type Layout } from "./layout.ts";
import { removeFile } from "./own-file.ts";
import { isSame, placeFile } from "./place-file.ts";
import { ensureFolder } from "./prepare.ts";
import { removeFolderIfEmpty, removeWithParents } from "./scratch.ts";
import type { HubView, HubViewContent, HubViewFile } from "./types.ts";
import type { ViewTools } from "./views.ts";

/** Where one version lies in `hub-cache/`. */
interface Places {
  readonly repo: string;
  readonly blobs: string;
  readonly refs: string;
  readonly snapshots: string;
  readonly snapshot: string;
  /** The name of the snapshot, which is what refs hold. */
  readonly commit: string;
}

const LINK_TO_BLOB = /\.\.\/blobs\/([0-9a-f]{40}|[0-9a-f]{64})$/;

/**
 * Versions in the layout that the hub's own tools keep: `blobs/<ETag>`, `snapshots/<commit>/<path>` as relative links to them,
 * and `refs/<name>` with the commit. Those tools may be told this folder as their cache and then write into it, so what is there
 * is completed and never replaced wholly, and each name appears only when what is behind it is whole.
 */
export class HubViews {
  readonly #queue = new KeyedQueue();

  constructor(private readonly tools: ViewTools) {}

  make(model: string, version: string, { files, refs }: HubViewContent): Promise<HubView> {
    const { layout, reader } = this.tools;
    const places = placesOf(layout, model, version);
    if (places === undefined) throw noHubName(model);
    refuseInexactNames(files);
    return this.#change(places, `make the hub folder of ${model}@${version}`, async () => {
      for (const { digest, sizeBytes } of files) reader.open(digest, sizeBytes);
      const folders = [layout.hubCache, places.repo, places.blobs, places.refs, places.snapshots];
      for (const folder of folders) await ensureFolder(folder);
      await refuseOtherCase(places.repo);
      for (const file of files) await this.#ensureBlob(places, file);
      await this.#ensureSnapshot(places.snapshot, files);
      // Last: a ref is how a version is found.
      for (const ref of refs) await this.#ensureRef(join(places.refs, parseVersion(ref)), places.commit);
      return { cacheFolder: layout.hubCache, snapshotFolder: places.snapshot };
    });
  }

  /** Links of a snapshot to files, and the blobs that no link leads to then. Nothing there is fine. */
  async trim(model: string, version: string, paths: readonly string[]): Promise<void> {
    const places = placesOf(this.tools.layout, model, version);
    if (places === undefined) return;
    await this.#change(places, `trim the hub folder of ${model}@${version}`, async () => {
      const parents = [this.tools.layout.hubCache, places.repo, places.snapshots, places.snapshot];
      if (!parents.every(isFolder)) return;
      const before = await linkedBlobs(places.snapshot);
      for (const path of paths) await removeWithParents(places.snapshot, path);
      await this.#removeUnlinked(places, before);
    });
  }

  /** Refs to the version, its snapshot, and the blobs that no other snapshot has. Nothing there is fine. */
  async remove(model: string, version: string): Promise<void> {
    const places = placesOf(this.tools.layout, model, version);
    if (places === undefined) return;
    await this.#change(places, `remove the hub folder of ${model}@${version}`, async () => {
      const parents = [this.tools.layout.hubCache, places.repo, places.snapshots, places.snapshot];
      if (!parents.every(isFolder)) return;
      for (const ref of await refsTo(places)) await removeFile(ref);
      const blobs = await linkedBlobs(places.snapshot);
      await this.tools.scratch.use((trash) => rename(places.snapshot, trash));
      await this.#removeUnlinked(places, blobs);
      for (const folder of [places.blobs, places.refs, places.snapshots, places.repo]) {
        if (isFolder(folder)) await removeFolderIfEmpty(folder);
      }
    });
  }

  /** Of these blobs those that no snapshot has any more. */
  async #removeUnlinked({ snapshots, blobs }: Places, names: ReadonlySet<string>): Promise<void> {
    if (!isFolder(blobs)) return;
    const kept = await linkedBlobs(snapshots);
    for (const name of names) if (!kept.has(name)) await removeFile(join(blobs, name));
  }

  /** One change of a repository's folder at a time. */
  #change<T>({ repo }: Places, action: string, work: () => Promise<T>): Promise<T> {
    return this.#queue.run(repo, () => onDisk(this.tools.home, action, work));
  }

  async #ensureBlob({ blobs }: Places, file: HubViewFile): Promise<void> {
    const target = join(blobs, hubBlobName(file));
    const blob = this.tools.layout.blob(file.digest);
    const entry = findEntry(target);
    if (entry !== undefined && isSame(entry, findEntry(blob))) return;
    await this.tools.scratch.use(async (scratch) => {
      await placeFile(blob, scratch, { usersOwn: "link" });
      await rename(scratch, target);
    });
  }

  async #ensureSnapshot(snapshot: string, files: readonly HubViewFile[]): Promise<void> {
    if (findEntry(snapshot) !== undefined) {
      await ensureFolder(snapshot);
      for (const file of files) await this.#ensureLink(snapshot, file);
      return;
    }
    await this.tools.scratch.use(async (scratch) => {
      await mkdir(scratch, { mode: FOLDER_MODE });
      for (const file of files) await makeLink(scratch, file);
      await rename(scratch, snapshot);
    });
  }

  async #ensureLink(snapshot: string, file: HubViewFile): Promise<void> {
    const target = join(snapshot, file.path);
    const text = hubLinkText(file.path, hubBlobName(file));
    await ensureParents(snapshot, file.path);
    if (findEntry(target)?.isSymbolicLink() && await readlink(target) === text) return;
    await this.tools.scratch.use(async (scratch) => {
      await symlink(text, scratch);
      await rename(scratch, target);
    });
  }

  async #ensureRef(target: string, commit: string): Promise<void> {
    if (findEntry(target)?.isFile() && await readFile(target, "utf8") === commit) return;
    await this.tools.scratch.use(async (scratch) => {
      await using file = await open(scratch, "wx", FILE_MODE);
      await file.writeFile(commit);
      await file.sync();
      await rename(scratch, target);
    });
  }
}

function placesOf(layout: Layout, model: string, version: string): Places | undefined {
  const folder = hubFolder(model);
  if (folder === undefined) return undefined;
  const repo = join(layout.hubCache, folder);
  const commit = hubCommit(version);
  const snapshots = join(repo, "snapshots");
  return {
    ...{ repo, blobs: join(repo, "blobs"), refs: join(repo, "refs") },
    ...{ snapshots, snapshot: join(snapshots, commit), commit },
  };
}

function isFolder(path: string): boolean {
  return findEntry(path)?.isDirectory() ?? false;
}

/** Where upper and lower case are the same, two models could share a folder. */
async function refuseOtherCase(repo: string): Promise<void> {
  if (!(await readdir(dirname(repo))).includes(basename(repo))) throw inexactName(basename(repo));
}

/** In a folder that is new, and of nobody else. */
async function makeLink(folder: string, file: HubViewFile): Promise<void> {
  const target = join(folder, file.path);
  try {
    await mkdir(dirname(target), { recursive: true, mode: FOLDER_MODE });
    await symlink(hubLinkText(file.path, hubBlobName(file)), target);
  } catch (error) {
    const errno = systemCode(error) ?? "";
    if (["EEXIST", "ENOTDIR", "EISDIR", "EINVAL", "ENAMETOOLONG"].includes(errno)) {
      throw inexactName(file.path, error);
    }
    throw error;
  }
}

async function ensureParents(folder: string, path: string): Promise<void> {
  const names = path.split("/").slice(0, -1);
  for (const depth of names.keys()) await ensureFolder(join(folder, ...names.slice(0, depth + 1)));
}

async function refsTo({ refs, commit }: Places): Promise<string[]> {
  if (!isFolder(refs)) return [];
  const found: string[] = [];
  for (const name of await readdir(refs)) {
    const path = join(refs, name);
    if (findEntry(path)?.isFile() && await readFile(path, "utf8") === commit) found.push(path);
  }
  return found;
}

/** Names of the blobs that links below a folder lead to. Links to folders are not walked into. */
async function linkedBlobs(folder: string): Promise<Set<string>> {
  const found = new Set<string>();
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      for (const name of await linkedBlobs(path)) found.add(name);
    } else if (entry.isSymbolicLink()) {
      const name = LINK_TO_BLOB.exec(await readlink(path))?.[1];
      if (name !== undefined) found.add(name);
    }
  }
  return found;
}

function noHubName(model: string): LarderError {
  return new LarderError("BAD_NAME", `Cannot make a hub folder: no hub has a model called ${model}`, {
    field: "model",
    hint: 'Use the layout with names. A hub\'s models are called owner/name, without "--".',
  });
}
