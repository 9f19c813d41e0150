import { z } from "zod";
import {
  chunkCount,
  type Digest,
  DIGEST_BYTES,
  LarderError,
  parseAlias,
  parseDigest,
  parseFilePath,
  parseMetricName,
  parseModelName,
  parseVariant,
  parseVersion,
  systemClock,
} from "../core/index.ts";
import type { FileSource, VersionFile, VersionRecord } from "./types.ts";

const MANIFEST_SCHEMA = 1;

/** Text read by one of the house's parsers; its message is kept. */
function parsed<T>(parse: (text: string) => T) {
  return z.string().transform((text, context): T => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof LarderError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  });
}

const Bytes = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const Manifest = z.object({
  schema: z.literal(MANIFEST_SCHEMA),
  model: parsed(parseModelName),
  version: parsed(parseVersion),
  created_at: z.number(),
  /** When this document was written: of two that claim an alias, the later is right. */
  written_at: z.number(),
  aliases: z.array(parsed(parseAlias)),
  files: z.array(z.object({
    path: parsed(parseFilePath),
    sha256: parsed(parseDigest),
    size_bytes: Bytes,
    /** Git's name of the content, when it came with one. */
    git_oid: z.string().regex(/^[0-9a-f]{40}$/).optional(),
    /** Digests of the file's chunks one after the other, base64. */
    chunks: z.base64().optional(),
    sources: z.array(z.object({
      kind: z.enum(["url", "path"]),
      location: z.string(),
      encoding: z.enum(["gzip", "zstd"]).optional(),
    })),
  })),
  variants: z.array(z.object({
    name: parsed(parseVariant),
    status: z.enum(["available", "downloading", "downloaded", "failed"]),
    paths: z.array(z.string()),
  })),
  metrics: z.record(parsed((text) => parseMetricName(text)), z.number()).optional(),
});

/**
 * What `manifests/<model>/<version>.json` holds: one version as the registry knows it, enough to build the registry's rows
 * again without reading a blob. The length of a chunk is part of the format. Fields that a later release adds are passed over.
 */
export type ManifestDocument = z.input<typeof Manifest>;

export interface ParsedManifest {
  readonly record: VersionRecord;
  readonly aliases: readonly string[];
  readonly writtenAtS: number;
  /** 32 bytes a chunk, of the files that came with them. */
  readonly chunkDigests: ReadonlyMap<Digest, Uint8Array>;
}

/** @param writtenAtS Unix seconds. */
export function toManifest(
  record: VersionRecord,
  aliases: readonly string[],
  chunkDigestsOf: (digest: Digest) => Uint8Array | undefined,
  writtenAtS: number = systemClock.nowS(),
): ManifestDocument {
  return {
    schema: MANIFEST_SCHEMA,
    model: record.model,
    version: record.version,
    created_at: record.createdAtS,
    written_at: writtenAtS,
    aliases: [...aliases],
    files: record.files.map((file) => toManifestFile(file, chunkDigestsOf(file.digest))),
    variants: record.variants.map(({ name, status, paths }) => ({ name, status, paths: [...paths] })),
    ...(record.metrics === undefined ? {} : { metrics: { ...record.metrics } }),
  };
}

function toManifestFile(
  file: VersionFile,
  chunkDigests: Uint8Array | undefined,
): ManifestDocument["files"][number] {
  return {
    path: file.path,
    sha256: file.digest,
    size_bytes: file.sizeBytes,
    ...(file.gitOid === undefined ? {} : { git_oid: file.gitOid }),
    ...(chunkDigests === undefined ? {} : { chunks: Buffer.from(chunkDigests).toString("base64") }),
    sources: file.sources.map(({ kind, location, encoding }) => ({
      kind,
      location,
      ...(encoding === undefined ? {} : { encoding }),
    })),
  };
}

/**
 * Reads a manifest document from disk: everything in it is checked as if a user had given it.
 *
 * @throws {LarderError} CORRUPT_SOURCE naming the first wrong field.
 */
export function parseManifest(document: unknown): ParsedManifest {
  const { data, error } = Manifest.safeParse(document);
  if (data === undefined) {
    const issue = error.issues[0];
    throw unreadable(`${issue?.path.join(".") || "document"}: ${issue?.message ?? "unreadable"}`);
  }
  const paths = new Set(data.files.map((file) => file.path));
  if (paths.size < data.files.length) throw unreadable("files: a path occurs twice");
  const stray = data.variants.flatMap((variant) => variant.paths).find((path) => !paths.has(path));
  if (stray !== undefined) throw unreadable("variants: names a path that is not among the files");
  return {
    record: {
      model: data.model,
      version: data.version,
      createdAtS: data.created_at,
      files: data.files.map(toVersionFile),
      variants: data.variants,
      ...(data.metrics === undefined ? {} : { metrics: data.metrics }),
    },
    aliases: data.aliases,
    writtenAtS: data.written_at,
    chunkDigests: chunkTables(data.files),
  };
}

type ParsedFile = z.output<typeof Manifest>["files"][number];

function toVersionFile({ path, sha256, size_bytes, git_oid, sources }: ParsedFile): VersionFile {
  return {
    path,
    digest: sha256,
    sizeBytes: size_bytes,
    sources: sources.map(toSource),
    ...(git_oid === undefined ? {} : { gitOid: git_oid }),
  };
}

function toSource({ kind, location, encoding }: ParsedFile["sources"][number]): FileSource {
  return { kind, location, ...(encoding === undefined ? {} : { encoding }) };
}

function chunkTables(files: readonly ParsedFile[]): Map<Digest, Uint8Array> {
  const tables = new Map<Digest, Uint8Array>();
  for (const { sha256, size_bytes, chunks } of files) {
    if (chunks === undefined) continue;
    const table = new Uint8Array(Buffer.from(chunks, "base64"));
    // A table of another length belongs to other chunks; the blob is then known without one.
    if (table.length === chunkCount(size_bytes) * DIGEST_BYTES) tables.set(sha256, table);
  }
  return tables;
}

function unreadable(reason: string): LarderError {
  return new LarderError("CORRUPT_SOURCE", `Cannot read a manifest: ${reason}`, {
    hint: "Pull or import the version again: that writes its manifest anew.",
  });
}
