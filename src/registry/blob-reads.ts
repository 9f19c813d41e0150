import type { Digest } from "../core/index.ts";
import type { ReadConnection } from "./read-connection.ts";
import { type Stored, withoutNulls } from "./rows.ts";
import type { BlobRow, FileSource, Registry } from "./types.ts";

/** Sources looked at for one digest: a file that thousands of versions share has thousands of rows. */
const SOURCES_MAX = 1000;

type BlobReads = Pick<
  Registry,
  | "findBlob"
  | "findBlobByGitOid"
  | "blobsAfter"
  | "lostBlobs"
  | "countLost"
  | "isWanted"
  | "aliveDigests"
  | "orphanDigests"
  | "isReferenced"
  | "sourcesOf"
  | "namesOf"
>;

export function blobReads(db: ReadConnection): BlobReads {
  return {
    findBlob: (digest) => toBlob(db.get<Stored<BlobRow>>("findBlob", digest)),
    findBlobByGitOid: (gitOid) => toBlob(db.get<Stored<BlobRow>>("findBlobByGitOid", gitOid)),
    blobsAfter: (after, limit) =>
      db.all<Stored<BlobRow>>("blobsAfter", after, limit).map((row) => withoutNulls<BlobRow>(row)),
    lostBlobs: (limit) =>
      db.all<Stored<BlobRow>>("lostBlobs", limit).map((row) => withoutNulls<BlobRow>(row)),
    countLost: (limit) => db.get<{ count: number }>("countLost", limit)?.count ?? 0,
    isWanted: (digest) => db.get("isWanted", digest) !== undefined,
    aliveDigests: () => new Set(db.all<{ digest: string }>("aliveDigests").map((row) => row.digest)),
    orphanDigests: () => db.all<{ digest: Digest }>("orphanDigests").map((row) => row.digest),
    isReferenced: (digest) => db.get("isReferenced", digest) !== undefined,
    sourcesOf: (digest) => distinctSources(db, digest),
    namesOf: (digest, limit) => db.all("namesOf", digest, limit),
  };
}

function toBlob(row: Stored<BlobRow> | undefined): BlobRow | undefined {
  return row && withoutNulls<BlobRow>(row);
}

function distinctSources(db: ReadConnection, digest: Digest): FileSource[] {
  const sources = new Map<string, FileSource>();
  for (const row of db.all<Stored<FileSource>>("sourcesOf", digest, SOURCES_MAX)) {
    const source = withoutNulls<FileSource>(row);
    sources.set(JSON.stringify([source.kind, source.location, source.encoding]), source);
  }
  return [...sources.values()];
}
