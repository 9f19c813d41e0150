import { type BestMetric, type Digest, LarderError } from "../core/index.ts";
import { putBestMetric } from "./best-writes.ts";
import type { Connection } from "./connection.ts";
import { hubWrites } from "./hub-writes.ts";
import { findId, getModelId, getVersionId } from "./row-ids.ts";
import type { WRITE_SQL } from "./statements.ts";
import type { BlobRow, BlobState, PullRow, Registry, TokenRow, VersionRecord } from "./types.ts";
import { useWrites } from "./use-writes.ts";
import { putVersion, refreshModel, removeVersion } from "./version-writes.ts";

export type WriteConnection = Connection<typeof WRITE_SQL>;

/** Every change of the registry as a plain function inside a transaction that the caller holds. Times are `nowS`, Unix seconds. */
export function writeOps(db: WriteConnection) {
  return {
    recordBlob: (blob: Parameters<Registry["recordBlob"]>[0], nowS: number): void => {
      const { digest, sizeBytes, chunkDigests = null, modifiedMs } = blob;
      const verifiedAtS = modifiedMs === undefined ? null : nowS;
      db.run("putBlob", digest, sizeBytes, chunkDigests, verifiedAtS, modifiedMs ?? null);
      if (blob.gitOid !== undefined) db.run("putGitOid", blob.gitOid, blob.digest);
    },
    setBlobState: (digest: Digest, state: BlobState): void => {
      db.run("setBlobState", digest, state);
    },
    setVerified: (
      digests: ReadonlyArray<Pick<BlobRow, "digest" | "chunkDigests" | "modifiedMs">>,
      atS: number,
    ): void => {
      for (const { digest, chunkDigests, modifiedMs } of digests) {
        db.run("setVerified", digest, atS, chunkDigests ?? null, modifiedMs ?? null);
      }
    },
    forgetBlobs: (digests: readonly Digest[]): void => {
      for (const digest of digests) {
        if (db.run("forgetUnreferenced", digest) === 0) db.run("setBlobState", digest, "missing");
      }
    },
    putVersion: (record: VersionRecord, nowS: number): void => putVersion(db, record, nowS),
    removeVersion: (
      model: string,
      version: string | undefined,
      nowS: number,
      keepsWishes: boolean,
    ): Digest[] => removeVersion(db, model, version, { nowS, keepsWishes }),
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
    setBestMetric: (model: string, best: BestMetric | undefined, nowS: number): void => {
      const modelId = getModelId(db, model);
      putBestMetric(db, model, best);
      refreshModel(db, modelId, model, nowS);
    },
    ...hubWrites(db),
    ...useWrites(db),
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
