import type { PendingModelView, WatchedFolders, WatchedView } from "../../src/library/index.ts";

/** Two answers that can be told apart. */
export const WATCHED: WatchedView = {
  folders: [{
    folder: "/srv/models",
    state: "watched",
    reason: null,
    noticed_by: "events",
    files: 3,
    looked_at: 1,
    models: [{
      model: "iris",
      version: "0123456789ab",
      path: "/srv/models/iris.onnx",
      files: 1,
      size_bytes: 10,
      taken_at: 1,
      removed: false,
    }],
    pending: [{ model: "tiny", path: "/srv/models/tiny.gguf", size_bytes: 20, state: "settling" }],
    refused: [{
      path: "/srv/models/broken.onnx",
      error: { code: "MODEL_BROKEN", message: "Cannot use broken.onnx", retryable: false },
    }],
  }],
};
export const SCANNED: WatchedView = { folders: [] };

export class StandInWatched implements WatchedFolders {
  constructor(private readonly note: (name: string) => void) {}

  async list(): Promise<WatchedView> {
    this.note("watched.list");
    return WATCHED;
  }

  async scan(): Promise<WatchedView> {
    this.note("watched.scan");
    return SCANNED;
  }

  folders(): readonly string[] {
    return [];
  }

  pending(): readonly PendingModelView[] {
    return [];
  }

  generation(): number {
    return 0;
  }

  async lookNow(): Promise<boolean> {
    return false;
  }

  start(): void {}
}
