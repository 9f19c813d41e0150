import { BEST, LarderError, parseModelName, parseModelRef } from "../core/index.ts";
import type { ModelListRow, Registry, VersionRow } from "../registry/index.ts";
import { findVersion } from "./names.ts";
import type { BestView, ModelPage, ModelView, VersionView } from "./types.ts";

const PAGE_DEFAULT = 100;
export const PAGE_MAX = 1000;

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

/** One page of the listing in order of name; the cursor is the last name of the page. */
export function listModels(
  registry: Registry,
  query: { readonly q?: string; readonly limit?: number; readonly cursor?: string },
): ModelPage {
  const limit = Math.min(Math.max(1, query.limit ?? PAGE_DEFAULT), PAGE_MAX);
  const search = query.q === undefined ? {} : { q: query.q };
  const after = query.cursor === undefined ? {} : { after: parseModelName(query.cursor) };
  const rows = registry.listModels({ ...search, ...after, limit: limit + 1 });
  const page = rows.slice(0, limit);
  return {
    models: page.map(summary),
    total: registry.countModels(query.q),
    next_cursor: rows.length > limit ? page.at(-1)?.model ?? null : null,
  };
}

function summary(row: ModelListRow): ModelPage["models"][number] {
  return {
    model: row.model,
    version_count: row.versionCount,
    latest: row.latest,
    size_bytes: row.sizeBytes,
    updated_at: row.updatedAtS,
  };
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
