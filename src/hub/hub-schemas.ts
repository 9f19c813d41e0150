import { z } from "zod";
import { CHUNK_BYTES, isLarderError, parseFilePath } from "../core/index.ts";
import { hubAnswer } from "./hub-errors.ts";
import type { HubFile, ModelFacts, RepoInfo } from "./types.ts";

const TEXT_LENGTH_MAX = 256;
const TAGS_MAX = 1000;
const COMMIT = /^[0-9a-f]{40}$/;
/** Git names objects by SHA-1, and by SHA-256 in newer repositories. */
const GIT_OID = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/u;

/** Words for people to read; anything else is as good as nothing. */
const label = z.string().min(1).max(TEXT_LENGTH_MAX).refine((text) => !UNPRINTABLE.test(text)).nullish()
  .catch(null);

const count = z.number().int().positive().max(Number.MAX_SAFE_INTEGER).nullish().catch(null);

const infoSchema = z.object({
  id: z.string().max(TEXT_LENGTH_MAX).optional(),
  sha: z.string().regex(COMMIT),
  private: z.boolean().catch(false),
  gated: z.unknown().optional(),
  pipeline_tag: label,
  library_name: label,
  tags: z.array(label).catch([]),
  cardData: z.object({ license: label }).nullish().catch(null),
  lastModified: z.string().max(TEXT_LENGTH_MAX).nullish().catch(null),
  config: z.object({ architectures: z.array(label).nullish().catch(null), model_type: label }).nullish()
    .catch(null),
  safetensors: z.object({ total: count }).nullish().catch(null),
  gguf: z.object({ total: count, architecture: label, context_length: count }).nullish().catch(null),
  /** Only a larder says this of itself. */
  larder: z.object({ chunk_bytes: z.literal(CHUNK_BYTES) }).nullish().catch(null),
});

const size = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const fileSchema = z.object({
  type: z.literal("file"),
  path: z.string(),
  size,
  oid: z.string().regex(GIT_OID),
  lfs: z.object({ oid: z.string().regex(/^[0-9a-f]{64}$/), size }).nullish(),
});
const otherSchema = z.object({ type: z.string().refine((type) => type !== "file") });
const pageSchema = z.array(z.union([fileSchema, otherSchema]));

export interface RevisionInfo {
  /** The name it has now; absent when the hub does not say. */
  readonly id: string | undefined;
  readonly commit: string;
  readonly info: RepoInfo;
  readonly facts: ModelFacts;
  readonly isLarder: boolean;
}

/**
 * Reads the answer of `/api/{kind}s/{id}/revision/{revision}`.
 *
 * @throws {LarderError} HUB_ANSWER
 */
export function readInfo(bytes: Uint8Array, origin: string): RevisionInfo {
  const data = readJson(bytes, infoSchema, origin);
  const tags = data.tags.flatMap((tag) => tag ?? []).slice(0, TAGS_MAX);
  const licenseTag = tags.find((tag) => tag.startsWith("license:"))?.slice("license:".length);
  const modified = Date.parse(data.lastModified ?? "");
  return {
    id: data.id,
    commit: data.sha,
    info: {
      pipelineTask: data.pipeline_tag ?? null,
      libraryName: data.library_name ?? null,
      tags,
      license: licenseTag ?? data.cardData?.license ?? null,
      gated: data.gated === "auto" ? "auto" : data.gated ? "manual" : "none",
      private: data.private,
      lastModified: Number.isNaN(modified) ? null : modified / 1000,
    },
    facts: {
      architecture: data.gguf?.architecture ?? data.config?.architectures?.[0] ?? data.config?.model_type ??
        null,
      parameters: data.gguf?.total ?? data.safetensors?.total ?? null,
      contextLength: data.gguf?.context_length ?? null,
    },
    isLarder: Boolean(data.larder),
  };
}

/**
 * Reads a page of `/api/{kind}s/{id}/tree/{commit}?recursive=true`: its files, without folders.
 *
 * @throws {LarderError} HUB_ANSWER, which names the first path that is none.
 */
export function readTreePage(bytes: Uint8Array, origin: string): HubFile[] {
  return readJson(bytes, pageSchema, origin).flatMap((entry) => {
    if (!("path" in entry)) return [];
    const { path, oid, lfs } = entry;
    checkPath(path, origin);
    return [{
      path,
      sizeBytes: lfs?.size ?? entry.size,
      gitOid: oid,
      ...(lfs ? { sha256: lfs.oid } : {}),
    }];
  });
}

function checkPath(path: string, origin: string): void {
  try {
    parseFilePath(path);
  } catch (error) {
    if (!isLarderError(error, "BAD_PATH")) throw error;
    throw hubAnswer(origin, `a path that is none. ${error.message}`, error);
  }
}

function readJson<T extends z.ZodType>(bytes: Uint8Array, schema: T, origin: string): z.output<T> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    // The parser's message quotes the text, which may be anything.
    throw hubAnswer(origin, "it is not JSON");
  }
  const { success, data, error } = schema.safeParse(json);
  if (success) return data;
  const at = error.issues[0]?.path.slice(0, 4).map(String).join(".").slice(0, 100) ?? "";
  throw hubAnswer(origin, `JSON of another form${at === "" ? "" : `, at ${JSON.stringify(at)}`}`);
}
