import { diskError, serveWorker } from "../../core/index.ts";
import type { EmbeddedFile } from "./embedded.ts";
import { unpack } from "./unpack.ts";

serveWorker({
  unpack: async (folder: string, files: readonly EmbeddedFile[]) => {
    try {
      await unpack(folder, files);
    } catch (error) {
      throw diskError(error, "unpack the native libraries into the home");
    }
  },
});
