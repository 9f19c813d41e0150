import { type Digest, LarderError } from "../core/index.ts";
import { currentBest, putBestMetric } from "./best-writes.ts";
import { forgetTries } from "./hub-writes.ts";
import { latestVersion } from "./latest.ts";
import { getId, getModelId, getVersionId } from "./row-ids.ts";
import type { VersionFile, VersionRecord } from "./types.ts";
import { forgetAccess, refreshAccess } from "./use-writes.ts";
import type { WriteConnection } from "./write-ops.ts";

export function putVersion(db: WriteConnection, record: VersionRecord, nowS: number): void {
  const modelId = getId(db, "putModel", record.model, nowS);
  const versionId = getId(
    db,
    "putVersion",
    modelId,
    record.version,
    record.createdAtS,
    distinctBytes(record.files),
    record.files.length,
  );
  db.run("clearMetrics", versionId);
  for (const [name, value] of Object.entries(record.metrics ?? {})) {
    db.run("putMetric", versionId, name, value);
  }
  db.run("clearVariants", versionId);
  db.run("clearFiles", versionId);
  const fileIds = new Map(record.files.map((file) => [file.path, putFile(db, versionId, file)]));
  for (const { name, status, paths } of record.variants) {
    const variantId = getId(db, "putVariant", versionId, name, status);
    for (const path of paths) {
      const fileId = fileIds.get(path);
      if (fileId === undefined) {
        throw new Error(`Variant ${name} names a file that its version does not have`);
      }
      db.run("putVariantFile", variantId, fileId);
    }
  }
  refreshAccess(db, record, nowS);
  refreshModel(db, modelId, record.model, nowS);
}

function putFile(db: WriteConnection, versionId: number, file: VersionFile): number {
  db.run("expectBlob", file.digest, file.sizeBytes);
  const blob = db.get<{ id: number; sizeBytes: number }>("findBlob", file.digest);
  if (blob?.sizeBytes !== file.sizeBytes) {
    throw new LarderError("SIZE_MISMATCH", `Cannot record a file of ${file.sizeBytes} bytes`, {
      field: "size",
      hint: `The blob ${file.digest} has ${blob?.sizeBytes} bytes.`,
    });
  }
  const fileId = getId(db, "putFile", versionId, file.path, blob.id, file.gitOid ?? null);
  if (file.gitOid !== undefined) db.run("putGitOid", file.gitOid, file.digest);
  file.sources.forEach(({ kind, location, encoding }, position) =>
    db.run("putSource", fileId, position, kind, location, encoding ?? null)
  );
  return fileId;
}

/** Bytes of the blobs behind these files, each counted once. */
function distinctBytes(files: readonly VersionFile[]): number {
  const sizes = new Map(files.map((file) => [file.digest, file.sizeBytes]));
  return [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
}

interface KnownVersion {
  readonly id: number;
  readonly version: string;
  readonly createdAtS: number;
  readonly sizeBytes: number;
}

/** Brings what a model's row says of its versions up to date; a model without versions goes, with what its `best` went by. */
export function refreshModel(
  db: WriteConnection,
  modelId: number,
  model: string,
  nowS: number,
  keepsWishes = false,
): void {
  const versions = db.all<KnownVersion>("versionsOfModel", modelId);
  const latest = latestVersion(versions);
  if (latest === undefined) {
    db.run("removeModel", modelId);
    if (!keepsWishes) putBestMetric(db, model, undefined);
    return;
  }
  const bytes = versions.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const best = currentBest(db, modelId, model);
  const { version = null, metric = null } = best ?? {};
  db.run("updateModel", modelId, nowS, versions.length, latest, bytes, version, metric);
}

/** With the last version goes the model. Returns digests that nothing points to any more. */
export function removeVersion(
  db: WriteConnection,
  model: string,
  version: string | undefined,
  { nowS, keepsWishes }: { readonly nowS: number; readonly keepsWishes: boolean },
): Digest[] {
  const modelId = getModelId(db, model);
  const versionIds = version === undefined
    ? db.all<KnownVersion>("versionsOfModel", modelId).map(({ id }) => id)
    : [getVersionId(db, model, modelId, version)];
  const digests = new Set(
    versionIds.flatMap((id) => db.all<{ digest: Digest }>("digestsOfVersion", id).map((row) => row.digest)),
  );
  for (const id of versionIds) db.run("removeVersion", id);
  forgetTries(db, model, version);
  // With its last version a model is gone, and what was set for it, unless it only makes room.
  const isGone = !keepsWishes &&
    db.all<KnownVersion>("versionsOfModel", modelId).length === 0;
  forgetAccess(db, model, isGone ? undefined : version);
  refreshModel(db, modelId, model, nowS, keepsWishes);
  return [...digests].filter((digest) => db.get("isReferenced", digest) === undefined);
}
