import { statSync } from "node:fs";
import { isLarderError } from "../../core/index.ts";
import type { BlobStore } from "../../store/index.ts";
import type { DiskBudget } from "./disk-budget.ts";

type ImportingStore = Pick<BlobStore, "importFile" | "open" | "pin" | "has" | "remove">;

/**
 * A store that makes room for an import that finds the disk full. As imports share bytes where they can, only one that could not is
 * known to need any.
 */
export function importingStore(
  store: ImportingStore,
  budget: Pick<DiskBudget, "makeRoom" | "isOn">,
): ImportingStore {
  return {
    open: (digest, sizeBytes) => store.open(digest, sizeBytes),
    pin: (digest) => store.pin(digest),
    has: (digest) => store.has(digest),
    remove: (digest) => store.remove(digest),
    importFile: async (path, options) => {
      try {
        return await store.importFile(path, options);
      } catch (error) {
        if (!budget.isOn || !isLarderError(error, "NO_SPACE")) throw error;
        await budget.makeRoom(statSync(path).size);
        return await store.importFile(path, options);
      }
    },
  };
}
