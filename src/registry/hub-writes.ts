import { findId } from "./row-ids.ts";
import type { ScanRow, VariantNote } from "./types.ts";
import type { WriteConnection } from "./write-ops.ts";

/** Newest scans of one model that stay; beside them stay those of versions that are here. */
const SCANS_KEPT = 16;

/** Writes of what hub repositories offer, and of what became of the tries to have it. */
export function hubWrites(db: WriteConnection) {
  return {
    putScan: ({ model, version, scannedAtS, document }: ScanRow): void => {
      db.run("putScan", model, version, scannedAtS, JSON.stringify(document));
      dropOldScans(db, model, version);
    },
    putVariantNote: ({ model, version, variant, bytesDone, error, updatedAtS }: VariantNote): void => {
      db.run("putVariantNote", model, version, variant, bytesDone, JSON.stringify(error), updatedAtS);
    },
    removeVariantNote: (model: string, version: string, variant: string): void => {
      db.run("removeVariantNote", model, version, variant);
    },
  };
}

/** The one that was just put stays also when the clock was set back. */
function dropOldScans(db: WriteConnection, model: string, justPut: string): void {
  const modelId = findId(db, "findModel", model);
  for (const { version } of db.all<{ version: string }>("oldScans", model, SCANS_KEPT)) {
    const isHere = modelId !== undefined && findId(db, "findVersion", modelId, version) !== undefined;
    if (isHere || version === justPut) continue;
    db.run("removeScan", model, version);
    db.run("removeNotesOfVersion", model, version);
  }
}

/** What is noted of one version, or of a model with its scans. */
export function forgetTries(db: WriteConnection, model: string, version: string | undefined): void {
  if (version !== undefined) {
    db.run("removeNotesOfVersion", model, version);
    return;
  }
  db.run("removeNotesOfModel", model);
  db.run("removeScans", model);
}
