import type { SQLQueryBindings } from "bun:sqlite";
import { type Digest, LarderError } from "../core/index.ts";
import type { Connection } from "./connection.ts";
import { latestVersion } from "./latest.ts";
import type { WRITE_SQL } from "./statements.ts";
import type { BlobRow, BlobState, PullRow, Registry, TokenRow, VersionFile, VersionRecord } from "./types.ts";

export type WriteConnection = Connection<typeof WRITE_SQL>;

/** Every change of the registry as a plain function inside a transaction that the caller holds. Times are `nowS`, Unix seconds. */
export function writeOps(db: WriteConnection) {
  return {
    recordBlob: (blob: Parameters<Registry["recordBlob"]>[0]): void => {
      db.run("putBlob", blob.digest, blob.sizeBytes, blob.chunkDigests ?? null);
    },
    setBlobState: (digest: Digest, state: BlobState): void => {
      db.run("setBlobState", digest, state);
    },
    setVerified: (digests: ReadonlyArray<Pick<BlobRow, "digest" | "chunkDigests">>, atS: number): void => {
      for (const { digest, chunkDigests } of digests) {
        db.run("setVerified", digest, atS, chunkDigests ?? null);
      }
    },
    forgetBlobs: (digests: readonly Digest[]): void => {
      for (const digest of digests) {
        if (db.run("forgetUnreferenced", digest) === 0) db.run("setBlobState", digest, "missing");
      }
    },
    putVersion: (record: VersionRecord, nowS: number): void => putVersion(db, record, nowS),
    removeVersion: (model: string, version: string | undefined, nowS: number): Digest[] =>
      removeVersion(db, model, version, nowS),
    setAlias: (model: string, alias: string, version: string, nowS: number): void => {
      const modelId = getModelId(db, model);
      if (findId(db, "findVersion", modelId, alias) !== undefined) throw aliasIsVersion(model, alias);
      db.run("putAlias", modelId, alias, getVersionId(db, model, modelId, version));
      db.run("touchModel", modelId, nowS);
    },
    removeAlias: (model: string, alias: string, nowS: number): boolean => {
      const modelId = findId(db, "findModel", model);
      const removed = modelId !== undefined && db.run("removeAlias", modelId, alias) > 0;
      if (removed) db.run("touchModel", modelId, nowS);
      return removed;
    },
    putPull: (pull: PullRow): void => putPull(db, pull),
    putToken: ({ id, name, digest, scopes, createdAtS, expiresAtS }: TokenRow): void => {
      db.run("putToken", id, name, digest, JSON.stringify(scopes), createdAtS, expiresAtS ?? null);
    },
    removeToken: (id: string): boolean => db.run("removeToken", id) > 0,
    setSetting: (key: string, value: string): void => {
      db.run("setSetting", key, value);
    },
  };
}

export type WriteOps = ReturnType<typeof writeOps>;

function putVersion(db: WriteConnection, record: VersionRecord, nowS: number): void {
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
  refreshModel(db, modelId, nowS);
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
  const fileId = getId(db, "putFile", versionId, file.path, blob.id);
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

/** Brings what a model's row says of its versions up to date; a model without versions goes. */
function refreshModel(db: WriteConnection, modelId: number, nowS: number): void {
  const versions = db.all<KnownVersion>("versionsOfModel", modelId);
  const latest = latestVersion(versions);
  if (latest === undefined) {
    db.run("removeModel", modelId);
    return;
  }
  const bytes = versions.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  db.run("updateModel", modelId, nowS, versions.length, latest, bytes);
}

function removeVersion(
  db: WriteConnection,
  model: string,
  version: string | undefined,
  nowS: number,
): Digest[] {
  const modelId = getModelId(db, model);
  const versionIds = version === undefined
    ? db.all<KnownVersion>("versionsOfModel", modelId).map(({ id }) => id)
    : [getVersionId(db, model, modelId, version)];
  const digests = new Set(
    versionIds.flatMap((id) => db.all<{ digest: Digest }>("digestsOfVersion", id).map((row) => row.digest)),
  );
  for (const id of versionIds) db.run("removeVersion", id);
  refreshModel(db, modelId, nowS);
  return [...digests].filter((digest) => db.get("isReferenced", digest) === undefined);
}

function putPull(db: WriteConnection, pull: PullRow): void {
  db.run(
    "putPull",
    pull.id,
    pull.model,
    pull.version ?? null,
    pull.variant,
    pull.state,
    pull.createdAtS,
    pull.updatedAtS,
    pull.finishedAtS ?? null,
    json(pull.request),
    json(pull.error),
  );
  pull.files.forEach((file, position) =>
    db.run(
      "putPullFile",
      pull.id,
      position,
      file.path,
      JSON.stringify(file.urls),
      file.sizeBytes ?? null,
      file.digest ?? null,
      file.bytesDone,
      file.state,
    )
  );
  db.run("cutPullFiles", pull.id, pull.files.length);
}

function json(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

type IdStatement =
  | "putModel"
  | "findModel"
  | "putVersion"
  | "findVersion"
  | "putFile"
  | "putVariant";

function findId(
  db: WriteConnection,
  statement: IdStatement,
  ...values: SQLQueryBindings[]
): number | undefined {
  return db.get<{ id: number }>(statement, ...values)?.id;
}

function getId(db: WriteConnection, statement: IdStatement, ...values: SQLQueryBindings[]): number {
  const id = findId(db, statement, ...values);
  if (id === undefined) throw new Error(`Statement ${statement} returned no row`);
  return id;
}

function getModelId(db: WriteConnection, model: string): number {
  const id = findId(db, "findModel", model);
  if (id !== undefined) return id;
  throw new LarderError("MODEL_NOT_FOUND", `Cannot find model ${model}`, {
    hint: "See which models there are: larder list.",
  });
}

function getVersionId(db: WriteConnection, model: string, modelId: number, version: string): number {
  const id = findId(db, "findVersion", modelId, version);
  if (id !== undefined) return id;
  throw new LarderError("VERSION_NOT_FOUND", `Cannot find version ${version} of model ${model}`, {
    hint: `See which versions there are: larder show ${model}.`,
  });
}

function aliasIsVersion(model: string, alias: string): LarderError {
  return new LarderError(
    "BAD_ALIAS",
    `Cannot use ${alias} as an alias: ${model} has a version of that name`,
    {
      field: "alias",
      hint: "Choose a name that no version has.",
    },
  );
}
