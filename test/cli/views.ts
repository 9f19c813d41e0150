import type { JobView, PullView } from "../../src/library/index.ts";

export const PULL: PullView = {
  id: "p1",
  model: "iris",
  version: "1.0.0",
  variant: "default",
  state: "running",
  bytes_done: 512,
  bytes_total: 1024,
  rate_bytes_per_s: 256,
  eta_s: 2,
  created_at: 1_700_000_000,
  finished_at: null,
  files: [{
    path: "iris.onnx",
    url: "https://models.example/iris.onnx",
    state: "running",
    sha256: null,
    bytes_done: 512,
    bytes_total: 1024,
    bytes_fetched: 512,
    connections: 1,
    resumable: true,
  }],
  error: null,
};

export const DONE: PullView = { ...PULL, state: "done", bytes_done: 1024, finished_at: 1_700_000_004 };

export const VERIFIED: JobView = {
  id: "j1",
  kind: "verify",
  state: "done",
  bytes_done: 10,
  bytes_total: 10,
  created_at: 1_700_000_000,
  finished_at: 1_700_000_001,
  dry_run: false,
  result: { blobs: 1, bytes: 10, intact: 1, damaged: [] },
  error: null,
};

export async function* sequence<T>(...views: readonly T[]): AsyncGenerator<T> {
  yield* views;
}

/** Gives the views, then nothing more until the signal aborts, as a transfer does. */
export async function* sequenceUntilAbort<T>(views: readonly T[], signal?: AbortSignal): AsyncGenerator<T> {
  yield* views;
  signal?.throwIfAborted();
  await new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
}
