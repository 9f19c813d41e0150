import { BEST, LATEST, type VersionMetrics } from "../core/index.ts";
import type { ReadConnection } from "./read-connection.ts";
import { type Stored, withoutNulls } from "./rows.ts";
import type {
  FileRow,
  FileSource,
  LocatedFile,
  ModelListRow,
  ModelRow,
  Registry,
  VariantRecord,
  VariantStatus,
  VersionFile,
  VersionRow,
} from "./types.ts";

type ModelReads = Pick<
  Registry,
  | "hasModel"
  | "findModel"
  | "resolveVersion"
  | "findVersion"
  | "findFile"
  | "listModels"
>;

export function modelReads(db: ReadConnection): ModelReads {
  return {
    hasModel: (model) => db.get("hasModel", model) !== undefined,
    findModel: (model) => db.snapshot(() => findModel(db, model)),
    resolveVersion: (model, version) => resolveVersion(db, model, version),
    findVersion: (model, version) => db.snapshot(() => findVersion(db, model, version)),
    findFile: (model, version, path) => db.get<LocatedFile>("findFile", model, version, path),
    listModels: ({ q, limit, after = "" }) =>
      q
        ? db.all<ModelListRow>("searchModels", after, limit, likePattern(q))
        : db.all<ModelListRow>("listModels", after, limit),
  };
}

/** The text anywhere in a name, with the wildcards of LIKE taken as themselves. */
function likePattern(text: string): string {
  return `%${text.replace(/[\\%_]/g, "\\$&")}%`;
}

/** A version goes before an alias of the same name: what a version names never changes. */
function resolveVersion(db: ReadConnection, model: string, version: string): string | undefined {
  if (version === LATEST) return db.get<{ version: string }>("latestOfModel", model)?.version;
  if (version === BEST) return bestOf(db, model)?.version;
  const found = db.get<{ version: string }>("resolveVersion", model, version) ??
    db.get<{ version: string }>("resolveAlias", model, version);
  return found?.version;
}

function findModel(db: ReadConnection, name: string): ModelRow | undefined {
  const found = db.get<Omit<ModelRow, "versions" | "aliases"> & { id: number }>("findModel", name);
  if (found === undefined) return undefined;
  const { id, model, createdAtS, updatedAtS } = found;
  const metrics = Map.groupBy(
    db.all<Metric & { version: string }>("metricsOfModel", id),
    ({ version }) => version,
  );
  const versions = db.all<ModelRow["versions"][number]>("versionsOfModel", id).map((row) => ({
    ...row,
    ...withMetrics(metrics.get(row.version)),
  }));
  // Without a prototype: an alias may be called "constructor".
  const aliases: Record<string, string> = Object.create(null);
  for (const row of db.all<{ alias: string; version: string }>("aliasesOfModel", id)) {
    aliases[row.alias] = row.version;
  }
  const best = bestOf(db, model);
  return { model, createdAtS, updatedAtS, versions, aliases, ...(best === undefined ? {} : { best }) };
}

function bestOf(db: ReadConnection, model: string): ModelRow["best"] {
  const { version, metric } =
    db.get<{ version: string | null; metric: string | null }>("bestOfModel", model) ?? {};
  return version && metric ? { version, metric } : undefined;
}

interface Metric {
  readonly metric: string;
  readonly value: number;
}

function withMetrics(rows: readonly Metric[] = []): { metrics?: VersionMetrics } {
  if (rows.length === 0) return {};
  return { metrics: Object.fromEntries(rows.map(({ metric, value }) => [metric, value])) };
}

function findVersion(db: ReadConnection, model: string, version: string): VersionRow | undefined {
  const found = db.get<{ id: number; createdAtS: number; sizeBytes: number }>("findVersion", model, version);
  if (found === undefined) return undefined;
  const { id, createdAtS, sizeBytes } = found;
  return {
    ...{ model, version, createdAtS, sizeBytes },
    files: filesOf(db, id),
    variants: variantsOf(db, id),
    ...withMetrics(db.all<Metric>("metricsOfVersion", id)),
  };
}

function filesOf(db: ReadConnection, versionId: number): VersionFile[] {
  const sources = new Map<number, FileSource[]>();
  for (
    const { fileId, ...source } of db.all<Stored<FileSource> & { fileId: number }>(
      "sourcesOfVersion",
      versionId,
    )
  ) {
    const known = sources.get(fileId) ?? [];
    known.push(withoutNulls<FileSource>(source as Stored<FileSource>));
    sources.set(fileId, known);
  }
  return db.all<FileRow & { id: number; gitOid: string | null }>("filesOfVersion", versionId).map(
    ({ id, gitOid, ...file }) => ({
      ...file,
      sources: sources.get(id) ?? [],
      ...(gitOid === null ? {} : { gitOid }),
    }),
  );
}

function variantsOf(db: ReadConnection, versionId: number): VariantRecord[] {
  const variants = new Map<string, { name: string; status: VariantStatus; paths: string[] }>();
  for (
    const { name, status, path } of db.all<{ name: string; status: VariantStatus; path: string | null }>(
      "variantsOfVersion",
      versionId,
    )
  ) {
    const variant = variants.get(name) ?? { name, status, paths: [] };
    if (path !== null) variant.paths.push(path);
    variants.set(name, variant);
  }
  return [...variants.values()];
}
