import { BEST, LarderError, parseModelRef } from "../core/index.ts";
import type { Registry, VersionRow } from "../registry/index.ts";
import { findVersion } from "./names.ts";
import type { BestView, ModelView, VersionView } from "./types.ts";

/** A model and one of its versions in full. @throws {LarderError} BAD_REFERENCE, MODEL_NOT_FOUND, VERSION_NOT_FOUND */
export function describe(registry: Registry, reference: string): ModelView {
  const ref = parseModelRef(reference);
  const version = findVersion(registry, ref);
  const model = registry.findModel(ref.model);
  if (model === undefined) throw new LarderError("MODEL_NOT_FOUND", `Cannot find model ${ref.model}`);
  return {
    model: model.model,
    version: versionView(registry, version),
    versions: model.versions.map((row) => ({
      version: row.version,
      created_at: row.createdAtS,
      size_bytes: row.sizeBytes,
      files: row.files,
      metrics: row.metrics ?? {},
    })),
    aliases: model.aliases,
    best: model.best ?? null,
  };
}

/** What `best` stands for now. */
export function describeBest(registry: Registry, model: string): BestView {
  const { version = null, metric = null } = registry.findModel(model)?.best ?? {};
  return { model, alias: BEST, version, metric };
}

function versionView(registry: Registry, row: VersionRow): VersionView {
  return {
    version: row.version,
    created_at: row.createdAtS,
    size_bytes: row.sizeBytes,
    variants: row.variants.map(({ name, status, paths }) => ({ name, status, files: paths })),
    files: row.files.map(({ path, digest, sizeBytes, sources }) => ({
      path,
      sha256: digest,
      size_bytes: sizeBytes,
      state: registry.findBlob(digest)?.state ?? "missing",
      sources: sources.map(({ location }) => location),
    })),
    metrics: row.metrics ?? {},
  };
}
