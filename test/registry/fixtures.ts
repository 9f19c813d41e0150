import { createHash } from "node:crypto";
import { join } from "node:path";
import { type Digest, LarderError, parseDigest } from "../../src/core/index.ts";
import { openRegistry, type Registry, type VersionRecord } from "../../src/registry/index.ts";
import { tempFolder } from "../helpers/temp-folder.ts";

/** A digest of some text, made by node's own SHA-256. */
export function digestOf(text: string): Digest {
  return parseDigest(createHash("sha256").update(text).digest("hex"));
}

/** Git's name of some text as a blob, made by node's own SHA-1. */
export function gitOidOf(text: string): string {
  return createHash("sha1").update(`blob ${Buffer.byteLength(text)}\0${text}`).digest("hex");
}

/** A new registry in a folder of its own, both gone at the end. */
export async function withRegistry(
  work: (registry: Registry, path: string) => Promise<unknown>,
): Promise<void> {
  await using folder = await tempFolder();
  const path = join(folder.path, "registry.sqlite");
  const registry = await openRegistry({ path });
  try {
    await work(registry, path);
  } finally {
    await registry.close();
  }
}

export interface FileSpec {
  readonly path: string;
  readonly content: string;
  readonly sizeBytes?: number;
  readonly gitOid?: string;
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
    files: files.map(({ path, content, sizeBytes = content.length, gitOid }) => ({
      path,
      digest: digestOf(content),
      sizeBytes,
      sources: [{ kind: "url", location: `https://example.org/${model}/${path}` }],
      ...(gitOid === undefined ? {} : { gitOid }),
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
