import { z } from "zod";
import { LarderError, parseFilePath, parseVersion } from "../../core/index.ts";
import type { PullFileRequest, PullRequest } from "../../library/index.ts";
import { aliases, digest, model, path, revision, size, urls, variant } from "./schemas.ts";
import { withoutUndefined } from "./without-undefined.ts";

const FILES_MAX = 10_000;
const GLOBS_MAX = 100;
const GLOB_LENGTH_MAX = 1024;
const FALLBACK_MAX = 64;

const fileOptions = {
  sha256: digest.optional(),
  size: size.optional(),
  digest_of: z.enum(["file", "source"]).optional(),
  decompress: z.enum(["auto", "none"]).optional(),
  chunks: z.array(digest).optional(),
};

const fileList = z.array(z.strictObject({ path, urls, ...fileOptions })).min(1, "at least one file").max(
  FILES_MAX,
);
const glob = z.string('globs such as "*.json"').min(1, "not empty").max(
  GLOB_LENGTH_MAX,
  `at most ${GLOB_LENGTH_MAX} characters`,
);
const globList = z.array(glob).max(GLOBS_MAX, `at most ${GLOBS_MAX} globs`);

/** Files by their addresses, or globs for those of a hub's repository: the first one tells, so an error is about what was meant. */
const files = z.unknown().transform((value, context) => {
  const areGlobs = Array.isArray(value) && typeof value[0] === "string";
  const read = areGlobs ? globList.safeParse(value) : fileList.safeParse(value);
  if (read.success) return read.data;
  for (const issue of read.error.issues) context.addIssue({ ...issue });
  return z.NEVER;
});

const FALLBACK = '"none", "smaller", or a list of variants';

export const pullBody = z.strictObject({
  model,
  revision: revision.optional(),
  variant: variant.optional(),
  aliases: aliases.optional(),
  files: files.optional(),
  urls: urls.optional(),
  fallback: z.union([z.enum(["none", "smaller"]), z.array(variant).min(1).max(FALLBACK_MAX)], FALLBACK)
    .optional(),
  offline: z.boolean("true or false").optional(),
  ...fileOptions,
});

type PullBody = z.output<typeof pullBody>;

/**
 * What a body asks of the library: files from addresses, or with neither files nor `urls` a repository of the hub. `urls` beside
 * `model` is short for one file that is named by its first address.
 *
 * @throws {LarderError} BAD_BODY, BAD_NAME, BAD_SOURCE
 */
export function pullRequest({ files: given, urls: addresses, ...rest }: PullBody): PullRequest {
  const { sha256, size, digest_of, decompress, chunks, ...request } = rest;
  const options = { sha256, size, digest_of, decompress, chunks };
  if (addresses !== undefined) {
    if (given !== undefined) throw badBody("urls", "Give either files or urls.");
    const [first = ""] = addresses;
    return fromAddresses(request, [
      withoutUndefined({ path: fileNameOf(first), urls: addresses, ...options }),
    ]);
  }
  const stray = Object.entries(options).find(([, value]) => value !== undefined)?.[0];
  if (stray !== undefined) throw badBody(stray, "Give it inside files, or with urls beside model.");
  if (given === undefined) return withoutUndefined(request);
  return isGlobs(given)
    ? withoutUndefined({ ...request, patterns: given })
    : fromAddresses(request, given.map(withoutUndefined));
}

function isGlobs(list: readonly unknown[]): list is readonly string[] {
  return typeof list[0] === "string";
}

function fromAddresses(
  request: Omit<PullBody, "files" | "urls" | keyof typeof fileOptions>,
  list: readonly PullFileRequest[],
): PullRequest {
  // Of a hub's repository it may be any of Git's names; here it is the version to make.
  if (request.revision !== undefined) parseVersion(request.revision);
  return withoutUndefined({ ...request, files: list });
}

function badBody(field: string, hint: string): LarderError {
  return new LarderError("BAD_BODY", `Cannot use ${field} of the body as it is`, { field, hint });
}

/** The name of a file that only an address was given for: its last part. */
function fileNameOf(address: string): string {
  const last = new URL(address).pathname.split("/").at(-1) ?? "";
  try {
    return parseFilePath(decodeURIComponent(last));
  } catch (error) {
    throw new LarderError("BAD_SOURCE", "Cannot take a file name from this address", {
      field: "urls",
      hint: 'Name the file: {"files": [{"path": …, "urls": […]}]}.',
      cause: error,
    });
  }
}
