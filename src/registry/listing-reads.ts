import type { ListedModelRow, ListingRegistry } from "./listing-types.ts";
import type { ReadConnection } from "./read-connection.ts";

type ListingReads = Pick<
  ListingRegistry,
  "listedModels" | "findListedModel" | "triedModels" | "findAbsentModel"
>;

interface StoredListed {
  readonly model: string;
  readonly versionCount: number;
  readonly latest: string;
  readonly sizeBytes: number;
  readonly updatedAtS: number;
  /** Names with line feeds between them. */
  readonly variants: string | null;
  readonly format: number | null;
  readonly isScanned: number;
  readonly hasUrl: number;
  readonly uses: number | null;
  readonly usedAtS: number | null;
}

const FORMATS = ["other", "onnx", "gguf"] as const;

export function listingReads(db: ReadConnection): ListingReads {
  return {
    listedModels: ({ limit, after = "" }) => db.all<StoredListed>("listedModels", after, limit).map(toListed),
    findListedModel(model) {
      const row = db.get<StoredListed>("findListedModel", model);
      return row && toListed(row);
    },
    triedModels({ limit, after = "" }) {
      const namesOf = (statement: "notedModels" | "scannedModels") =>
        db.all<{ model: string }>(statement, after, limit).map(({ model }) => model);
      return [...new Set([...namesOf("notedModels"), ...namesOf("scannedModels")])].sort().slice(0, limit);
    },
    findAbsentModel(model) {
      const notes = db.all<{ version: string; variant: string; updatedAtS: number }>("notesOfModel", model);
      const scan = db.get<{ version: string; scannedAtS: number }>("newestScan", model);
      if (notes.length === 0 && scan === undefined) return undefined;
      return { model, notes, ...(scan === undefined ? {} : { scan }) };
    },
  };
}

/** Written out: there may be a hundred thousand of them, and one object each is enough. */
function toListed(row: StoredListed): ListedModelRow {
  return {
    model: row.model,
    versionCount: row.versionCount,
    latest: row.latest,
    sizeBytes: row.sizeBytes,
    updatedAtS: row.updatedAtS,
    variants: row.variants === null ? [] : row.variants.split("\n"),
    format: FORMATS[row.format ?? 0] ?? "other",
    isScanned: row.isScanned === 1,
    hasUrl: row.hasUrl === 1,
    uses: row.uses ?? 0,
    usedAtS: row.usedAtS ?? undefined,
  };
}
