import { createHash } from "node:crypto";
import { type Digest, LarderError, parseDigest } from "../../src/core/index.ts";
import type { VersionRecord } from "../../src/registry/index.ts";

/** A digest of some text, made by node's own SHA-256. */
export function digestOf(text: string): Digest {
  return parseDigest(createHash("sha256").update(text).digest("hex"));
}

export interface FileSpec {
  readonly path: string;
  readonly content: string;
  readonly sizeBytes?: number;
}

/** A version with one variant of all its files; each file comes from one address. */
export function versionOf(
  model: string,
  version: string,
  files: readonly FileSpec[] = [{ path: "model.bin", content: `${model}@${version}` }],
  createdAtS = 1000,
): VersionRecord {
  return {
    model,
    version,
    createdAtS,
    files: files.map(({ path, content, sizeBytes = content.length }) => ({
      path,
      digest: digestOf(content),
      sizeBytes,
      sources: [{ kind: "url", location: `https://example.org/${model}/${path}` }],
    })),
    variants: [{ name: "default", status: "downloaded", paths: files.map((file) => file.path).sort() }],
  };
}

/**
 * The code that a promise rejects with. `expect(…).rejects` would hold up the event loop while it waits, and with it the
 * answers of a worker thread.
 */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => "no error",
    (error) => error instanceof LarderError ? error.code : String(error),
  );
}
