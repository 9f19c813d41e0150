import type { ReadConnection } from "./read-connection.ts";
import type { Registry, ScanRow, VariantNote } from "./types.ts";

type StoredScan = Omit<ScanRow, "document"> & { readonly document: string };
type StoredNote = Omit<VariantNote, "error"> & { readonly error: string };

/** Reads of what hub repositories offer, and of what became of the tries to have it. */
export function hubReads(db: ReadConnection): Pick<Registry, "findScan" | "variantNotes"> {
  return {
    findScan(model, version) {
      const row = db.get<StoredScan>("findScan", model, version);
      return row && { ...row, document: JSON.parse(row.document) };
    },
    variantNotes: (model, version) =>
      db.all<StoredNote>("variantNotes", model, version).map((row) => ({
        ...row,
        error: JSON.parse(row.error),
      })),
  };
}
