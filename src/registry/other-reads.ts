import type { ReadConnection } from "./read-connection.ts";
import { type Stored, withoutNulls } from "./rows.ts";
import type { Registry, TokenRow } from "./types.ts";

type OtherReads = Pick<
  Registry,
  "findTokenByDigest" | "listTokens" | "getSetting" | "stats"
>;

/** Reads of tokens, settings and totals. */
export function otherReads(db: ReadConnection, schema: number): OtherReads {
  return {
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

type StoredToken = Stored<Omit<TokenRow, "scopes">> & { readonly scopes: string };

function toToken(row: StoredToken): TokenRow {
  return withoutNulls<TokenRow>({ ...row, scopes: JSON.parse(row.scopes) });
}
