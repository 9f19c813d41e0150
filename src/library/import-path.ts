import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { basename, isAbsolute, join, relative } from "node:path";
import {
  DEFAULT_VARIANT,
  type Digest,
  LarderError,
  parseAlias,
  parseDigest,
  parseFilePath,
  parseMetrics,
  parseModelName,
  parseVariant,
  parseVersion,
  systemCode,
  type VersionMetrics,
} from "../core/index.ts";
import type { Registry, VersionFile } from "../registry/index.ts";
import type { BlobStore, ImportedFile } from "../store/index.ts";
import type { JobContext } from "./jobs.ts";
import { recordImported } from "./record-imported.ts";
import type { ImportRequest, ImportView } from "./types.ts";
import type { VersionWriter } from "./version-writer.ts";

const FILES_MAX = 100_000;

interface Found {
  /** Name inside the version. */
  readonly path: string;
  readonly localPath: string;
  readonly sizeBytes: number;
}

interface ImportPlan {
  readonly root: string;
  readonly model: string;
  readonly version?: string;
  readonly variant: string;
  readonly mode: NonNullable<ImportRequest["mode"]>;
  readonly expected?: Digest;
  readonly aliases: readonly string[];
  readonly metrics: VersionMetrics;
}

/** Checks a request from outside. @throws {LarderError} BAD_* naming the field */
export function planImport(request: ImportRequest): ImportPlan {
  if (!isAbsolute(request.path)) {
    throw new LarderError("BAD_PATH", "Cannot import from a relative path", {
      field: "path",
      hint: "Give an absolute path.",
    });
  }
  return {
    root: request.path,
    model: parseModelName(request.model),
    ...(request.version === undefined ? {} : { version: parseVersion(request.version) }),
    variant: request.variant === undefined ? DEFAULT_VARIANT : parseVariant(request.variant),
    mode: request.mode ?? "auto",
    ...(request.sha256 === undefined ? {} : { expected: parseDigest(request.sha256) }),
    aliases: (request.aliases ?? []).map(parseAlias),
    metrics: parseMetrics(request.metrics ?? {}),
  };
}

/** Takes a local file, or all regular files of a folder, as one version. */
export async function importPath(
  deps: {
    readonly store: Pick<BlobStore, "importFile" | "pin" | "open">;
    readonly registry: Pick<Registry, "recordBlob">;
    readonly versions: Pick<VersionWriter, "add">;
  },
  plan: ImportPlan,
  job: JobContext,
): Promise<ImportView> {
  const found = await findFiles(plan);
  job.setTotal(found.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
  const unpins: Array<() => void> = [];
  try {
    const files: Array<VersionFile & { readonly mode: ImportedFile["mode"] }> = [];
    let doneBytes = 0;
    for (const { path, localPath, sizeBytes } of found) {
      const imported = await deps.store.importFile(localPath, {
        mode: plan.mode,
        ...(plan.expected === undefined ? {} : { expected: plan.expected }),
        signal: job.signal,
        onProgress: (bytes) => job.setDone(doneBytes + bytes),
      });
      unpins.push(deps.store.pin(imported.digest));
      const { digest, mode } = imported;
      await recordImported(deps, imported);
      files.push({
        path,
        digest,
        sizeBytes: imported.sizeBytes,
        sources: [{ kind: "path", location: localPath }],
        mode,
      });
      doneBytes += sizeBytes;
    }
    const version = await deps.versions.add({
      model: plan.model,
      ...(plan.version === undefined ? {} : { version: plan.version }),
      variant: plan.variant,
      files: files.map(({ path, digest, sizeBytes, sources }) => ({ path, digest, sizeBytes, sources })),
      aliases: plan.aliases,
      metrics: plan.metrics,
    });
    return {
      model: plan.model,
      version,
      variant: plan.variant,
      files: files.map(({ path, digest, sizeBytes, mode }) => ({
        path,
        sha256: digest,
        size_bytes: sizeBytes,
        mode,
      })),
    };
  } finally {
    for (const unpin of unpins) unpin();
  }
}

async function findFiles(plan: ImportPlan): Promise<Found[]> {
  const root = await realpath(plan.root).catch((error: unknown) => {
    throw unreadable(plan.root, error);
  });
  const entry = await stat(root);
  if (entry.isFile()) {
    return [{ path: parseFilePath(basename(plan.root)), localPath: root, sizeBytes: entry.size }];
  }
  if (!entry.isDirectory()) throw unreadable(plan.root, undefined);
  if (plan.expected !== undefined) {
    throw new LarderError("BAD_DIGEST", "Cannot compare a folder with one digest", {
      field: "sha256",
      hint: "Leave sha256 out for a folder.",
    });
  }
  const found: Found[] = [];
  await collect(root, root, found);
  if (found.length === 0) {
    throw new LarderError("BAD_SOURCE", "Cannot import this folder: it holds no regular file", {
      field: "path",
    });
  }
  return found.sort((a, b) => a.path < b.path ? -1 : 1);
}

/** Links are passed over: what they point to may lie outside the folder that was named. */
async function collect(root: string, folder: string, found: Found[]): Promise<void> {
  for (const { name } of await readdir(folder, { withFileTypes: true })) {
    const localPath = join(folder, name);
    const entry = await lstat(localPath);
    if (entry.isDirectory()) await collect(root, localPath, found);
    if (!entry.isFile()) continue;
    found.push({ path: parseFilePath(relative(root, localPath)), localPath, sizeBytes: entry.size });
    if (found.length > FILES_MAX) {
      throw new LarderError("TOO_MANY", `Cannot import more than ${FILES_MAX} files at once`, {
        field: "path",
      });
    }
  }
}

function unreadable(path: string, error: unknown): LarderError {
  const reason = systemCode(error) ?? "it is neither a file nor a folder";
  return new LarderError("BAD_SOURCE", `Cannot import ${path}: ${reason}`, {
    field: "path",
    hint: "Give the path of a readable file or folder on the machine that owns the home.",
    cause: error,
  });
}
