import type { JobView, ManifestVariantView, ManifestView, PullView } from "../../src/library/index.ts";

export const PULL: PullView = {
  id: "p1",
  model: "iris",
  version: "1.0.0",
  variant: "default",
  skipped: [],
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

export const COMMIT = "0123456789abcdef0123456789abcdef01234567";

const SMALL: ManifestVariantView = {
  name: "Q2_K",
  format: "gguf",
  quantization: "Q2_K",
  status: "available",
  size_bytes: 1_073_741_824,
  bytes_done: 0,
  files: ["tiny-Q2_K.gguf", "config.json"],
  is_default: false,
  fits_disk: true,
  fits_memory: true,
  error: null,
  updated_at: null,
};

/** What a repository offers of which everything is known. */
export const MANIFEST: ManifestView = {
  model: "acme/tiny",
  kind: "model",
  revision: "main",
  version: COMMIT,
  endpoint: "https://hub.example",
  scanned_at: 1_700_000_000,
  pipeline_task: "text-generation",
  library_name: "gguf",
  tags: [],
  license: "apache-2.0",
  gated: "manual",
  private: false,
  last_modified: 1_700_000_000,
  architecture: "llama",
  parameters: 3_821_079_552,
  context_length: 131_072,
  size_bytes: 5_368_709_120,
  variants: [
    SMALL,
    {
      ...SMALL,
      name: "Q4_K_M",
      quantization: "Q4_K_M",
      size_bytes: 4_294_967_296,
      is_default: true,
      fits_memory: false,
    },
    { ...SMALL, name: "Q3_K_S", status: "downloading", bytes_done: 805_306_368, fits_disk: false },
    {
      ...SMALL,
      name: "Q8_0",
      status: "failed",
      error: { code: "NO_SPACE", message: "Cannot store it", retryable: true },
    },
  ],
  common_files: ["config.json"],
  sidecars: ["mmproj-f16.gguf"],
  files: [{ path: "config.json", size_bytes: 10, sha256: null, git_oid: "ab" }],
};

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
