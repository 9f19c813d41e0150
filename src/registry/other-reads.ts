import type { ReadConnection } from "./read-connection.ts";
import { type Stored, withoutNulls } from "./rows.ts";
import type { PullFileRow, PullRow, PullState, Registry, TokenRow } from "./types.ts";

type OtherReads = Pick<
  Registry,
  "findPull" | "listPulls" | "findTokenByDigest" | "listTokens" | "getSetting" | "stats"
>;

/** Reads of pulls, tokens, settings and totals. */
export function otherReads(db: ReadConnection, schema: number): OtherReads {
  return {
    findPull: (id) =>
      db.snapshot(() => {
        const row = db.get<StoredPull>("findPull", id);
        return row && toPull(db, row);
      }),
    listPulls: ({ limit, states }) =>
      db.snapshot(() => pullRows(db, limit, states).map((row) => toPull(db, row))),
    findTokenByDigest(digest) {
      const row = db.get<StoredToken>("findToken", digest);
      return row && toToken(row);
    },
    listTokens: () => db.all<StoredToken>("listTokens").map(toToken),
    getSetting: (key) => db.get<{ value: string }>("getSetting", key)?.value,
    stats: () => ({
      schema,
      ...(db.get<{ models: number; versions: number; blobs: number; blobBytes: number }>("totals") ??
        { models: 0, versions: 0, blobs: 0, blobBytes: 0 }),
    }),
  };
}

type StoredPull = Stored<Omit<PullRow, "files" | "request" | "error">> & {
  readonly request: string | null;
  readonly error: string | null;
};

function pullRows(db: ReadConnection, limit: number, states?: readonly PullState[]): StoredPull[] {
  if (states === undefined) return db.all<StoredPull>("listPulls", limit);
  return [...new Set(states)]
    .flatMap((state) => db.all<StoredPull>("listPullsInState", state, limit))
    .sort((a, b) => b.createdAtS - a.createdAtS || (a.id < b.id ? 1 : -1))
    .slice(0, limit);
}

function toPull(db: ReadConnection, row: StoredPull): PullRow {
  const { request, error, ...pull } = row;
  return {
    ...withoutNulls<Omit<PullRow, "files" | "request" | "error">>(pull),
    ...(request === null ? {} : { request: JSON.parse(request) }),
    ...(error === null ? {} : { error: JSON.parse(error) }),
    files: db.all<Stored<Omit<PullFileRow, "urls">> & { urls: string }>("filesOfPull", row.id).map((
      file,
    ) => ({
      ...withoutNulls<PullFileRow>({ ...file, urls: JSON.parse(file.urls) }),
    })),
  };
}

type StoredToken = Stored<Omit<TokenRow, "scopes">> & { readonly scopes: string };

function toToken(row: StoredToken): TokenRow {
  return withoutNulls<TokenRow>({ ...row, scopes: JSON.parse(row.scopes) });
}
