import { isAbsolute } from "node:path";
import { type ErrorRecord, isLarderError, LarderError, parseAlias, parseModelName } from "../core/index.ts";
import type { HubClient } from "../hub/index.ts";
import type { Registry, VersionFile, VersionRow } from "../registry/index.ts";
import type { ImportMode } from "../store/index.ts";
import { planSnapshot, type SnapshotPlan, type WantedFile } from "./hub-cache-plan.ts";
import { type CachedRepo, scanHubCache } from "./hub-cache-scan.ts";
import { orSkip, type Skip } from "./hub-cache-skip.ts";
import { BlobTaker, type TakeDeps, type TakenBlob } from "./hub-cache-take.ts";
import { isCommit } from "./hub-plan.ts";
import type { HubCacheImportRequest, HubCacheImportView } from "./hub-types.ts";
import type { JobContext } from "./jobs.ts";
import type { VersionWriter } from "./version-writer.ts";

/** Files that are taken side by side: hashed by as many threads as there are cores, and flushed together. */
const TAKES_AT_ONCE = 16;

export interface HubCacheImportPlan {
  readonly root: string;
  /** All when absent. */
  readonly models?: ReadonlySet<string>;
  readonly mode: ImportMode;
}

export interface ImportHubCacheDeps extends TakeDeps {
  readonly registry: TakeDeps["registry"] & Pick<Registry, "findVersion" | "findModel">;
  readonly versions: Pick<VersionWriter, "add" | "setAlias">;
  readonly hub: Pick<HubClient, "resolveUrls">;
}

type Imported = HubCacheImportView["imported"][number];

/** Checks a request from outside. @throws {LarderError} BAD_* naming the field */
export function planHubCacheImport(request: HubCacheImportRequest): HubCacheImportPlan {
  if (!isAbsolute(request.path)) {
    throw new LarderError("BAD_PATH", "Cannot import from a relative path", {
      field: "path",
      hint: "Give an absolute path.",
    });
  }
  return {
    root: request.path,
    ...(request.models === undefined ? {} : { models: new Set(request.models.map(parseModelName)) }),
    mode: request.mode ?? "auto",
  };
}

/**
 * Takes what a cache of the hub's own tools holds: each commit becomes a version with the variants that are there whole, each branch or
 * tag whose name can be one an alias. Bytes are verified by the names of their blobs, then shared by reflink, else by hard link, else
 * copied. What cannot be taken is told and keeps nothing else from being taken.
 *
 * @throws {LarderError} BAD_SOURCE when there is no such cache, TOO_MANY; what the home cannot go on after (NO_SPACE, ...).
 */
export async function importHubCache(
  deps: ImportHubCacheDeps,
  plan: HubCacheImportPlan,
  job: JobContext,
): Promise<HubCacheImportView> {
  const skipped: Array<{ model: string; path: string; error: ErrorRecord }> = [];
  const skipOf = (model: string): Skip => (path, error) => {
    skipped.push({ model, path, error: error.toRecord() });
  };
  const repos = await scanHubCache(plan.root, plan.models, skipOf);
  for (const model of missingModels(plan, repos)) skipOf(model)("", notCached(model));
  const plans: SnapshotPlan[] = [];
  for (const repo of repos) {
    for (const snapshot of repo.snapshots) {
      job.signal.throwIfAborted();
      plans.push(await planSnapshot(repo, snapshot, skipOf(repo.model)));
    }
  }
  job.setTotal(totalBytes(plans));
  let bytesDone = 0;
  using blobs = new BlobTaker(deps, {
    mode: plan.mode,
    signal: job.signal,
    onBytes: (bytes) => job.setDone(bytesDone += bytes),
  });
  const imported: Imported[] = [];
  for (const one of plans) {
    const version = await importSnapshot(deps, one, blobs, skipOf(one.repo.model));
    if (version !== undefined) imported.push(version);
  }
  return { imported, skipped };
}

async function importSnapshot(
  deps: ImportHubCacheDeps,
  plan: SnapshotPlan,
  blobs: BlobTaker,
  skip: Skip,
): Promise<Imported | undefined> {
  const { repo: { model }, commit, place, files, variants } = plan;
  const taken = new Map<WantedFile, TakenBlob>();
  await eachAtOnce(files, async (file) => {
    const blob = await orSkip(skip, file.place, () => blobs.take(file.blob));
    if (blob !== undefined) taken.set(file, blob);
  });
  const added: Array<SnapshotPlan["variants"][number]> = [];
  for (const variant of variants) {
    const versionFiles = variant.files.flatMap((file) => {
      const blob = taken.get(file);
      return blob === undefined ? [] : [versionFile(deps.hub, plan, file, blob)];
    });
    if (versionFiles.length < variant.files.length) continue;
    await orSkip(skip, place, async () => {
      const all = withPresent(deps.registry.findVersion(model, commit), variant.name, versionFiles);
      await deps.versions.add({ model, version: commit, variant: variant.name, files: all, aliases: [] });
      added.push(variant);
    });
  }
  if (added.length === 0) return undefined;
  for (const alias of newAliases(deps.registry, plan)) await deps.versions.setAlias(model, alias, commit);
  return importedView(plan, added, taken);
}

/** All at once end before the first failure is thrown. */
async function eachAtOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const failures: unknown[] = [];
  const workers = Array.from({ length: Math.min(TAKES_AT_ONCE, queue.length) }, async () => {
    try {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
    } catch (error) {
      failures.push(error);
      queue.length = 0;
    }
  });
  await Promise.all(workers);
  if (failures.length > 0) throw failures[0];
}

function versionFile(
  hub: ImportHubCacheDeps["hub"],
  { repo: { repo }, commit }: SnapshotPlan,
  { path, blob: { localPath, proof } }: WantedFile,
  { digest, sizeBytes }: TakenBlob,
): VersionFile {
  const urls = hub.resolveUrls({ repo, commit }, path);
  return {
    ...{ path, digest, sizeBytes },
    sources: [
      { kind: "path", location: localPath },
      ...urls.map((location) => ({ kind: "url", location }) as const),
    ],
    ...(proof.kind === "git" ? { gitOid: proof.gitOid } : {}),
  };
}

/** A variant that is here already may have more files than this cache: it keeps them. */
function withPresent(
  before: VersionRow | undefined,
  variant: string,
  files: readonly VersionFile[],
): VersionFile[] {
  const paths = new Set(before?.variants.find(({ name }) => name === variant)?.paths);
  for (const { path } of files) paths.delete(path);
  return [...files, ...before?.files.filter(({ path }) => paths.has(path)) ?? []];
}

/**
 * Names of the cache for this commit that are to become aliases. One that stands for a commit this cache does not have was moved by
 * somebody who knew more, and stays.
 */
function newAliases(registry: ImportHubCacheDeps["registry"], { repo, commit }: SnapshotPlan): string[] {
  const aliases = new Map(Object.entries(registry.findModel(repo.model)?.aliases ?? {}));
  const commits = new Set(repo.snapshots.map((snapshot) => snapshot.commit));
  return [...repo.refs].filter(([name, target]) => {
    const before = aliases.get(name);
    const mayMove = before === undefined || (before !== commit && commits.has(before));
    return target === commit && mayMove && isAlias(name) &&
      registry.findVersion(repo.model, name) === undefined;
  }).map(([name]) => name);
}

function isAlias(name: string): boolean {
  if (isCommit(name)) return false;
  try {
    return parseAlias(name) === name;
  } catch (error) {
    if (isLarderError(error, "BAD_ALIAS")) return false;
    throw error;
  }
}

function importedView(
  { repo, commit }: SnapshotPlan,
  variants: SnapshotPlan["variants"],
  taken: ReadonlyMap<WantedFile, TakenBlob>,
): Imported {
  const blobs = [...new Set(variants.flatMap(({ files }) => files))].flatMap((file) => taken.get(file) ?? []);
  const modes: Record<string, number> = {};
  for (const { mode } of blobs) modes[mode] = (modes[mode] ?? 0) + 1;
  return {
    model: repo.model,
    version: commit,
    variants: variants.map(({ name }) => name),
    files: blobs.length,
    size_bytes: blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    modes,
  };
}

/** Each blob once. */
function totalBytes(plans: readonly SnapshotPlan[]): number {
  const blobs = new Map(
    plans.flatMap(({ files }) => files.map(({ blob }) => [blob.localPath, blob.sizeBytes])),
  );
  return [...blobs.values()].reduce((sum, bytes) => sum + bytes, 0);
}

function missingModels({ models }: HubCacheImportPlan, repos: readonly CachedRepo[]): string[] {
  const found = new Set(repos.map(({ model }) => model));
  return [...models ?? []].filter((model) => !found.has(model));
}

function notCached(model: string): LarderError {
  return new LarderError("MODEL_NOT_FOUND", `Cannot import ${model}: this cache does not have it`, {
    field: "models",
    hint: "Look at the names in the folder: models--owner--name, datasets--owner--name, spaces--owner--name.",
  });
}
