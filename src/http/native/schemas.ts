import { z } from "zod";
import { parseHubToken } from "../../config/index.ts";
import {
  parseAddress,
  parseAlias,
  parseDigest,
  parseFilePath,
  parseMetricName,
  parseModelName,
  parseVariant,
  parseVersion,
} from "../../core/index.ts";
import { SCOPES } from "../../library/index.ts";

const LIST_MAX = 1000;
export const LIST_DEFAULT = 100;
const MIRRORS_MAX = 32;
const ALIASES_MAX = 32;
const TARGETS_MAX = 1000;
const MODELS_MAX = 1000;

/** A string that a parser of core accepts; its own error, which knows the code, goes up as it is. */
function parsed(parse: (text: string) => unknown) {
  return z.string("a string").transform((text) => {
    parse(text);
    return text;
  });
}

export const model = parsed(parseModelName);
const version = parsed(parseVersion);
export const variant = parsed(parseVariant);
export const digest = parsed((text) => parseDigest(text));
export const path = parsed((text) => parseFilePath(text));
const alias = parsed(parseAlias);
export const aliases = z.array(alias).max(ALIASES_MAX);
export const size = z.int("whole bytes, 0 or more").nonnegative("whole bytes, 0 or more");
export const urls = z.array(parsed((text) => parseAddress(text))).min(1, "at least one address").max(
  MIRRORS_MAX,
);
const REVISION = "1 to 250 visible ASCII characters";
/** Which of these Git takes for a name is for the library to say. */
export const revision = z.string(REVISION).regex(/^[!-~]{1,250}$/, REVISION);
const absolutePath = z.string("an absolute path").startsWith("/", "an absolute path").refine(
  (text) => !text.includes("\0"),
  "an absolute path",
);
const mode = z.enum(["auto", "reflink", "hardlink", "copy"]);

export const scanBody = z.strictObject({ model, revision: revision.optional() });

export const aliasBody = z.strictObject({ version });

/** Of the alias `best`: which version it stands for is computed. */
export const bestBody = z.strictObject({
  metric: parsed((text) => parseMetricName(text)),
  better: z.enum(["higher", "lower"], "higher or lower").optional(),
});

export const importBody = z.strictObject({
  path: absolutePath,
  model,
  version: version.optional(),
  variant: variant.optional(),
  mode: mode.optional(),
  sha256: digest.optional(),
  aliases: aliases.optional(),
  metrics: z.record(z.string(), z.number("a finite number")).optional(),
});

export const hubCacheBody = z.strictObject({
  path: absolutePath,
  models: z.array(model).min(1, "at least one model").max(MODELS_MAX).optional(),
  mode: mode.optional(),
});

const HUB_TOKEN = "a token: visible ASCII characters, no spaces";

export const hubTokenBody = z.strictObject({
  token: z.string(HUB_TOKEN).transform((text, context) => {
    const token = parseHubToken(text);
    if (token !== undefined) return token;
    context.addIssue({ code: "custom", message: HUB_TOKEN });
    return z.NEVER;
  }),
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
export const limit = z.string("given once").transform((text, context) => {
  const number = Number(text);
  if (/^\d/.test(text) && number >= 1) return Math.min(Math.floor(number), LIST_MAX);
  context.addIssue({ code: "custom", message: `a number from 1 to ${LIST_MAX}` });
  return z.NEVER;
});

export const text = z.string("given once").max(300, "at most 300 characters");

export const pullsQuery = z.strictObject({
  limit: limit.default(LIST_DEFAULT),
  active: z.enum(["true", "false"], "true or false").transform((word) => word === "true").optional(),
});

export const modelQuery = z.strictObject({ version: text.optional() });
/** What is asked of a model, or of its `/path`, which alone has a layout. */
export const modelOrPathQuery = modelQuery.extend({
  layout: z.enum(["names", "hf"], "names or hf").optional(),
});
