import { type ErrorRecord, LarderError } from "../core/index.ts";
import { defaultVariant, type HubVariant } from "../hub/index.ts";
import type { Registry, VariantNote, VariantStatus, VersionRow } from "../registry/index.ts";
import { missingBytes } from "./fits.ts";
import { weightBytes } from "./hub-selection.ts";
import type { Scan } from "./hub-scans.ts";
import type { ManifestVariantView, ManifestView } from "./hub-types.ts";
import { downloadedFiles, findLost } from "./variant-files.ts";

/** What an unfinished pull has of a variant. */
export interface PullProgress {
  readonly bytesDone: number;
  readonly updatedAtS: number;
}

export interface ManifestDeps {
  readonly registry: Registry;
  readonly fitsDisk: (bytes: number) => Promise<boolean>;
  readonly memoryBytes: () => number;
  /** Unfinished pulls of a version by variant, of this process or waiting for its next start. */
  readonly pullsOf: (model: string, version: string) => ReadonlyMap<string, PullProgress>;
}

/**
 * What a version offers, with the status of each variant as it is now. A status is never kept: `downloaded` is what the registry has all
 * files of, `downloading` what a pull works on, `failed` what the last try left a note of. So no crash can make one wrong.
 */
export async function manifestView(deps: ManifestDeps, scan: Scan, revision: string): Promise<ManifestView> {
  const { model, version, scannedAtS, document } = scan;
  const { repo, endpoint, info, facts, files, common, sidecars } = document;
  return {
    ...{ model, kind: repo.kind, revision, version, endpoint, scanned_at: scannedAtS },
    pipeline_task: info.pipelineTask,
    library_name: info.libraryName,
    tags: info.tags,
    license: info.license,
    gated: info.gated,
    private: info.private,
    last_modified: info.lastModified,
    architecture: facts.architecture,
    parameters: facts.parameters,
    context_length: facts.contextLength,
    size_bytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    variants: await variantViews(deps, scan),
    common_files: common,
    sidecars,
    files: files.map(({ path, sizeBytes, sha256, gitOid }) => ({
      path,
      size_bytes: sizeBytes,
      sha256: sha256 ?? null,
      git_oid: gitOid,
    })),
  };
}

async function variantViews(deps: ManifestDeps, scan: Scan): Promise<ManifestVariantView[]> {
  const { model, version, document } = scan;
  const row = deps.registry.findVersion(model, version);
  const notes = new Map(deps.registry.variantNotes(model, version).map((note) => [note.variant, note]));
  const pulls = deps.pullsOf(model, version);
  const taken = defaultVariant(document.variants).name;
  const memoryBytes = deps.memoryBytes();
  return await Promise.all(document.variants.map(async (variant): Promise<ManifestVariantView> => {
    const { name, format, quantization, sizeBytes, files } = variant;
    return {
      ...{ name, format, quantization, size_bytes: sizeBytes, files, is_default: name === taken },
      ...state(deps.registry, scan, variant, { row, pull: pulls.get(name), note: notes.get(name) }),
      fits_disk: await deps.fitsDisk(missingBytes(deps.registry, filesOf(scan, variant))),
      fits_memory: weightBytes(document.files, variant) <= memoryBytes,
    };
  }));
}

type State = Pick<ManifestVariantView, "status" | "bytes_done" | "error" | "updated_at">;

interface Known {
  readonly row: VersionRow | undefined;
  readonly pull: PullProgress | undefined;
  readonly note: VariantNote | undefined;
}

function state(
  registry: Registry,
  { model, version }: Scan,
  { name, sizeBytes }: HubVariant,
  { row, pull, note }: Known,
): State {
  if (pull !== undefined) return is("downloading", pull.bytesDone, pull.updatedAtS);
  const files = row && downloadedFiles(row, name);
  const lost = files && findLost(registry, files);
  if (lost !== undefined) return { ...is("failed", 0, null), error: damaged(model, version, lost.path) };
  if (files !== undefined) return is("downloaded", sizeBytes, row?.createdAtS ?? null);
  if (note === undefined) return is("available", 0, null);
  return { ...is("failed", note.bytesDone, note.updatedAtS), error: note.error };
}

function is(status: VariantStatus, bytesDone: number, updatedAtS: number | null): State {
  return { status, bytes_done: bytesDone, error: null, updated_at: updatedAtS };
}

function damaged(model: string, version: string, path: string): ErrorRecord {
  return new LarderError("BLOB_DAMAGED", `Cannot use this variant: ${path} is damaged or missing`, {
    retryable: true,
    hint: `Run \`larder repair ${model}@${version}\`.`,
  }).toRecord();
}

function filesOf({ document }: Scan, variant: HubVariant): Parameters<typeof missingBytes>[1] {
  const paths = new Set(variant.files);
  return document.files.filter(({ path }) => paths.has(path)).map(({ sizeBytes, sha256, gitOid }) => ({
    sizeBytes,
    ...(sha256 === undefined
      ? { gitOid }
      : { digest: sha256 as NonNullable<Parameters<typeof missingBytes>[1][number]["digest"]> }),
  }));
}
