import {
  addressIdentity,
  CHUNK_BYTES,
  chunkCount,
  DEFAULT_VARIANT,
  type Digest,
  holdsSecret,
  LarderError,
  parseAddress,
  parseAlias,
  parseDigest,
  parseFilePath,
  parseModelName,
  parseVariant,
  parseVersion,
  sha256,
} from "../core/index.ts";
import { type HubPull, planHubPull, refuseHubFields } from "./hub-plan.ts";
import type { SkippedVariantView } from "./hub-types.ts";
import type { PullFileRequest, PullRequest } from "./types.ts";

const FILES_MAX = 100_000;
const MIRRORS_MAX = 32;
const ENCODINGS = [["gzip", ".gz"], ["zstd", ".zst"]] as const;

export type Encoding = (typeof ENCODINGS)[number][0];

/** One file of a pull, checked. */
export interface PlannedFile {
  readonly path: string;
  /** Absolute addresses with whatever secrets they hold. */
  readonly urls: readonly string[];
  /** Of the file as it is kept. */
  readonly digest?: Digest;
  readonly sizeBytes?: number;
  /** Of the source as it comes, when that is another. */
  readonly sourceDigest?: Digest;
  readonly sourceSizeBytes?: number;
  readonly encoding?: Encoding;
  readonly chunks?: readonly Digest[];
  /** Git's name of the content, of a hub's file that has no other digest. */
  readonly gitOid?: string;
}

export interface PullPlan {
  readonly model: string;
  readonly version?: string;
  readonly variant: string;
  readonly aliases: readonly string[];
  /** Of a hub pull: of the variant that is being tried, once the repository was looked at. */
  readonly files: readonly PlannedFile[];
  readonly hub?: HubPull;
  /** Variants that were tried before, and what kept each from being pulled. */
  readonly skipped?: readonly SkippedVariantView[];
}

/** Checks a request from outside. @throws {LarderError} BAD_* naming the field, SOURCE_REQUIRED */
export function planPull(request: PullRequest): PullPlan {
  if (request.files === undefined) return planHubPull(request);
  refuseHubFields(request);
  if (request.files.length === 0) throw sourceRequired("files");
  if (request.files.length > FILES_MAX) {
    throw new LarderError("TOO_MANY", `Cannot pull ${request.files.length} files at once`, {
      field: "files",
      hint: `Give at most ${FILES_MAX} files.`,
    });
  }
  const files = request.files.map(planFile);
  refuseDuplicates(files);
  return {
    model: parseModelName(request.model),
    ...(request.revision === undefined ? {} : { version: parseVersion(request.revision) }),
    variant: request.variant === undefined ? DEFAULT_VARIANT : parseVariant(request.variant),
    aliases: (request.aliases ?? []).map(parseAlias),
    files,
  };
}

/** The name under which bytes are fetched once, however many ask: a digest, or the address when none is known. */
export function transferKey(file: PlannedFile): string {
  if (file.digest === undefined && file.gitOid !== undefined) return `u-${sha256(`git ${file.gitOid}`)}`;
  return file.digest ?? addressKey(file.urls[0] ?? "", file.encoding === undefined ? "" : "decompressed");
}

/** The key of a source's own bytes, before decompression. No other file has it, so nobody else writes that part. */
export function sourceKey(file: PlannedFile): string {
  return `u-${sha256(`source of ${transferKey(file)}`)}`;
}

/** Every part that fetching this file may leave. */
export function partKeysOf(file: PlannedFile): string[] {
  return file.encoding === undefined ? [transferKey(file)] : [transferKey(file), sourceKey(file)];
}

function addressKey(address: string, use: string): string {
  return `u-${sha256(`${addressIdentity(address)}\n${use}`)}`;
}

/** True when the request may be written down whole: no address holds a right of access. */
export function isStorable(plan: PullPlan): boolean {
  return plan.files.every((file) => file.urls.every((address) => !holdsSecret(new URL(address))));
}

/** What makes two pulls the same while one of them is running. */
export function pullIdentity(plan: PullPlan): string {
  // What a hub pull consists of is the answer to its question, not part of it.
  if (plan.hub !== undefined) return JSON.stringify([plan.model, plan.aliases, plan.hub]);
  const files = plan.files.map((file) => [file.path, transferKey(file)]);
  return JSON.stringify([plan.model, plan.version ?? null, plan.variant, plan.aliases, files]);
}

function planFile(file: PullFileRequest, index: number): PlannedFile {
  const field = (name: string) => `files[${index}].${name}`;
  if (file.urls.length === 0) throw sourceRequired(field("urls"));
  if (file.urls.length > MIRRORS_MAX) throw tooManyMirrors(field("urls"));
  const urls = file.urls.map((address) => parseAddress(address, field("urls")).href);
  const encoding = file.decompress === "none" ? undefined : encodingOf(urls[0] ?? "");
  const digest = file.sha256 === undefined ? undefined : parseDigest(file.sha256, field("sha256"));
  const sizeBytes = file.size === undefined ? undefined : parseSize(file.size, field("size"));
  const ofSource = encoding !== undefined && file.digest_of === "source";
  const chunks = file.chunks?.map((chunk, position) => parseDigest(chunk, field(`chunks[${position}]`)));
  if (chunks !== undefined) checkChunks(chunks, sizeBytes, field("chunks"));
  return {
    path: parseFilePath(keptPath(file.path, encoding), field("path")),
    urls,
    ...(digest === undefined ? {} : ofSource ? { sourceDigest: digest } : { digest }),
    ...(sizeBytes === undefined ? {} : ofSource ? { sourceSizeBytes: sizeBytes } : { sizeBytes }),
    ...(encoding === undefined ? {} : { encoding }),
    ...(chunks === undefined || encoding !== undefined ? {} : { chunks }),
  };
}

function encodingOf(address: string): Encoding | undefined {
  const { pathname } = new URL(address);
  return ENCODINGS.find(([, ending]) => pathname.toLowerCase().endsWith(ending))?.[0];
}

/** `model.onnx.gz` is kept as `model.onnx`. */
function keptPath(path: string, encoding: Encoding | undefined): string {
  const ending = ENCODINGS.find(([name]) => name === encoding)?.[1];
  const isNamedSo = ending !== undefined && path.toLowerCase().endsWith(ending) &&
    path.length > ending.length;
  return isNamedSo ? path.slice(0, -ending.length) : path;
}

function parseSize(sizeBytes: number, field: string): number {
  if (Number.isSafeInteger(sizeBytes) && sizeBytes >= 0) return sizeBytes;
  throw new LarderError("BAD_SIZE", `Cannot use ${sizeBytes} as a size`, {
    field,
    hint: "Give a whole number of bytes, 0 or more.",
  });
}

function checkChunks(chunks: readonly Digest[], sizeBytes: number | undefined, field: string): void {
  if (sizeBytes !== undefined && chunks.length === chunkCount(sizeBytes)) return;
  throw new LarderError(
    "BAD_SIZE",
    `Cannot use ${chunks.length} chunk digests for ${sizeBytes ?? "an unknown number of"} bytes`,
    {
      field,
      hint: `Give size, and one digest for each ${CHUNK_BYTES} bytes of it.`,
    },
  );
}

/** Each path stands for one file, and none for a file and a folder. */
function refuseDuplicates(files: readonly PlannedFile[]): void {
  const names = new Set<string>();
  const folders = new Set<string>();
  for (const [index, { path }] of files.entries()) {
    const parents = parentsOf(path);
    if (names.has(path) || folders.has(path) || parents.some((parent) => names.has(parent))) {
      throw new LarderError("BAD_PATH", `Cannot pull two files named ${JSON.stringify(path)}`, {
        field: `files[${index}].path`,
        hint: "Give each file of a version its own path, which is no folder of another.",
      });
    }
    names.add(path);
    for (const parent of parents) folders.add(parent);
  }
}

/** `a`, `a/b` for `a/b/c`. */
function parentsOf(path: string): string[] {
  const names = path.split("/").slice(0, -1);
  return names.map((_, index) => names.slice(0, index + 1).join("/"));
}

function sourceRequired(field: string): LarderError {
  return new LarderError("SOURCE_REQUIRED", "Cannot pull without a source", {
    field,
    hint: "Give the address of each file in urls.",
  });
}

function tooManyMirrors(field: string): LarderError {
  return new LarderError("TOO_MANY", "Cannot use so many mirrors of one file", {
    field,
    hint: `Give at most ${MIRRORS_MAX}.`,
  });
}
