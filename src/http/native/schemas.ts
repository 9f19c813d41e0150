import { z } from "zod";
import {
  LarderError,
  parseAddress,
  parseAlias,
  parseDigest,
  parseFilePath,
  parseModelName,
  parseVariant,
  parseVersion,
} from "../../core/index.ts";
import { SCOPES } from "../../library/index.ts";

const LIST_MAX = 1000;
const LIST_DEFAULT = 100;
const FILES_MAX = 10_000;
const MIRRORS_MAX = 32;
const ALIASES_MAX = 32;
const TARGETS_MAX = 1000;

/** A string that a parser of core accepts; its own error, which knows the code, goes up as it is. */
function parsed(parse: (text: string) => unknown) {
  return z.string("a string").transform((text) => {
    parse(text);
    return text;
  });
}

const model = parsed(parseModelName);
const version = parsed(parseVersion);
const variant = parsed(parseVariant);
const digest = parsed((text) => parseDigest(text));
const path = parsed((text) => parseFilePath(text));
const alias = parsed(parseAlias);
const aliases = z.array(alias).max(ALIASES_MAX);
const size = z.int("whole bytes, 0 or more").nonnegative("whole bytes, 0 or more");
const urls = z.array(parsed((text) => parseAddress(text))).min(1, "at least one address").max(MIRRORS_MAX);

const fileOptions = {
  sha256: digest.optional(),
  size: size.optional(),
  digest_of: z.enum(["file", "source"]).optional(),
  decompress: z.enum(["auto", "none"]).optional(),
  chunks: z.array(digest).optional(),
};

export const pullBody = z.strictObject({
  model,
  revision: version.optional(),
  variant: variant.optional(),
  aliases: aliases.optional(),
  files: z.array(z.strictObject({ path, urls, ...fileOptions })).min(1, "at least one file").max(FILES_MAX)
    .optional(),
  urls: urls.optional(),
  ...fileOptions,
});

export const aliasBody = z.strictObject({ version });

export const importBody = z.strictObject({
  path: z.string("an absolute path").startsWith("/", "an absolute path").refine(
    (text) => !text.includes("\0"),
    "an absolute path",
  ),
  model,
  version: version.optional(),
  variant: variant.optional(),
  mode: z.enum(["auto", "reflink", "hardlink", "copy"]).optional(),
  sha256: digest.optional(),
  aliases: aliases.optional(),
});

export const upkeepBody = z.strictObject({
  targets: z.array(z.string().min(1).max(1000)).max(TARGETS_MAX).optional(),
  dry_run: z.boolean().optional(),
});

export const gcBody = upkeepBody.extend({ grace_s: z.number().nonnegative().optional() });

export const limitsBody = z.strictObject({
  rate_bytes_per_s: z.int("whole bytes per second, 0 for no limit").nonnegative().optional(),
  pulls_at_once: z.int("1 to 64").min(1, "1 to 64").max(64, "1 to 64").optional(),
  connections_per_pull: z.int("1 to 16").min(1, "1 to 16").max(16, "1 to 16").optional(),
});

export const tokenBody = z.strictObject({
  name: z.string().min(1, "1 to 100 characters").max(100, "1 to 100 characters").regex(
    /^[^\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]*$/u,
    "no control characters",
  ),
  scopes: z.array(z.enum(SCOPES, `each one of ${SCOPES.join(", ")}`)).min(1, "at least one scope"),
  expires_in_s: z.number("seconds, more than 0").positive("seconds, more than 0").optional(),
});

/** A number from 1 on; more than the limit means the limit. */
const limit = z.string("given once").transform((text, context) => {
  const number = Number(text);
  if (/^\d/.test(text) && number >= 1) return Math.min(Math.floor(number), LIST_MAX);
  context.addIssue({ code: "custom", message: `a number from 1 to ${LIST_MAX}` });
  return z.NEVER;
});

const text = z.string("given once").max(300, "at most 300 characters");

export const listQuery = z.strictObject({
  q: text.optional(),
  limit: limit.default(LIST_DEFAULT),
  cursor: text.optional(),
});

export const pullsQuery = z.strictObject({
  limit: limit.default(LIST_DEFAULT),
  active: z.enum(["true", "false"], "true or false").transform((word) => word === "true").optional(),
});

export const modelQuery = z.strictObject({ version: text.optional() });

/** The name of a file that only an address was given for: its last part. */
export function fileNameOf(address: string): string {
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
