import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, lstat, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Digest, LocalEvents, systemClock } from "../../src/core/index.ts";
import type { HubClient } from "../../src/hub/index.ts";
import { Quarantine } from "../../src/library/quarantine.ts";
import { Soundness } from "../../src/library/soundness.ts";
import { importHubCache, planHubCacheImport } from "../../src/library/import-hub-cache.ts";
import type { HubCacheImportRequest, HubCacheImportView } from "../../src/library/index.ts";
import { UseRecorder } from "../../src/library/use/index.ts";
import { VersionWriter } from "../../src/library/version-writer.ts";
import { openOrRebuildRegistry, type Registry } from "../../src/registry/index.ts";
import { type BlobStore, openBlobStore } from "../../src/store/index.ts";
import { tempFolder } from "../helpers/temp-folder.ts";

/** A home, and a cache of the hub's own tools beside it. */
export interface World extends AsyncDisposable {
  readonly cache: string;
  readonly home: string;
  readonly store: BlobStore;
  readonly registry: Registry;
  readonly versions: VersionWriter;
  readonly uses: UseRecorder;
  readonly soundness: Soundness;
  /** What the last import told last. */
  readonly progress: { total: number; done: number };
  repo(name: string): CacheRepo;
  run(request?: Partial<HubCacheImportRequest>, signal?: AbortSignal): Promise<HubCacheImportView>;
}

export async function openWorld(hub: Pick<HubClient, "resolveUrls"> = EXAMPLE_HUB): Promise<World> {
  const folder = await tempFolder();
  const [cache, home] = [join(folder.path, "hub"), join(folder.path, "home")];
  await mkdir(cache);
  const store = await openBlobStore({ home, threads: 2 });
  const registry = await openOrRebuildRegistry({
    path: join(home, "registry.sqlite"),
    source: {
      manifests: () => store.readManifests(),
      blobs: () => store.scan(),
      tokens: () => Promise.resolve([]),
    },
  });
  const versions = new VersionWriter({ registry, store, events: new LocalEvents(), clock: systemClock });
  const uses = new UseRecorder({ registry, clock: systemClock });
  const events = new LocalEvents();
  const soundness = new Soundness({
    ...{ registry, store, clock: systemClock, waitMs: 5000, signal: new AbortController().signal },
    quarantine: new Quarantine({ registry, store, events }),
    repair: { blob: () => Promise.reject(new Error("there is nothing to repair")) },
  });
  const progress = { total: -1, done: -1 };
  return {
    ...{ cache, home, store, registry, versions, soundness, uses, progress },
    repo: (name) => new CacheRepo(cache, name),
    run: (request = {}, signal = new AbortController().signal) =>
      importHubCache(
        { store, registry, versions, hub },
        planHubCacheImport({ path: cache, ...request }),
        { signal, setTotal: (bytes) => progress.total = bytes, setDone: (bytes) => progress.done = bytes },
      ),
    [Symbol.asyncDispose]: async () => {
      await uses.close();
      await registry.close();
      await store.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const EXAMPLE_HUB: Pick<HubClient, "resolveUrls"> = {
  resolveUrls: ({ repo, commit }, path) => [`https://hub.example/${repo.id}/resolve/${commit}/${path}`],
};

export interface CacheFile {
  readonly text: string;
  /** How the blob is called; `lfs` is the default. */
  readonly as?: "lfs" | "git" | "plain" | { readonly name: string };
  /** What lies on disk instead of the text. */
  readonly damaged?: string;
}

/** A repository of a cache, written by hand as huggingface_hub keeps it. */
export class CacheRepo {
  readonly folder: string;

  constructor(cache: string, name: string) {
    this.folder = join(cache, name);
  }

  /** @returns The snapshot's folder. */
  async snapshot(commit: string, files: Readonly<Record<string, CacheFile | string>>): Promise<string> {
    const snapshot = join(this.folder, "snapshots", commit);
    await mkdir(join(this.folder, "blobs"), { recursive: true });
    for (const [path, given] of Object.entries(files)) {
      const { text, as = "lfs", damaged = text } = typeof given === "string" ? { text: given } : given;
      const target = join(snapshot, path);
      await mkdir(dirname(target), { recursive: true });
      if (as === "plain") {
        await writeFile(target, damaged);
        continue;
      }
      const name = typeof as === "object" ? as.name : as === "git" ? gitOidOf(text) : sha256Of(text);
      await writeFile(this.blob(name), damaged);
      await symlink(`${"../".repeat(path.split("/").length + 1)}blobs/${name}`, target);
    }
    return snapshot;
  }

  async ref(name: string, text: string): Promise<void> {
    const path = join(this.folder, "refs", name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }

  blob(name: string): string {
    return join(this.folder, "blobs", name);
  }
}

/** By Node, which the code under test does not use for it. */
export function sha256Of(bytes: string | Uint8Array): Digest {
  return createHash("sha256").update(bytes).digest("hex") as Digest;
}

/** @see `git hash-object` */
export function gitOidOf(bytes: string | Uint8Array): string {
  return createHash("sha1").update(`blob ${Buffer.byteLength(bytes)}\0`).update(bytes).digest("hex");
}

/** Whether a file is the other one by another name. Where the file system has reflinks, `stat` cannot tell, and the answer is yes. */
export async function sharesBytes(path: string, other: string): Promise<boolean> {
  const clone = `${path}.clone`;
  try {
    await copyFile(path, clone, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
    return true;
  } catch {
    // Whatever the reason: bytes are shared by links here, or not at all.
    const [one, two] = [await lstat(path), await lstat(other)];
    return one.ino === two.ino && one.dev === two.dev && one.nlink >= 2;
  } finally {
    await rm(clone, { force: true });
  }
}
