import { z } from "zod";
import { CAPABILITIES, LISTED_STATUSES, type ListRequest, PROVIDERS, SORTS } from "../../library/index.ts";
import { limit, LIST_DEFAULT, text } from "./schemas.ts";
import { withoutUndefined } from "./without-undefined.ts";

function oneOf<T extends string>(words: readonly T[]) {
  return z.enum(words, `one of ${words.join(", ")}`);
}

const yesOrNo = z.enum(["true", "false"], "true or false").transform((word) => word === "true");

export const listQuery = z.strictObject({
  q: text.optional(),
  provider: oneOf(PROVIDERS).optional(),
  status: oneOf(LISTED_STATUSES).optional(),
  capability: oneOf(CAPABILITIES).optional(),
  sort: oneOf(SORTS).optional(),
  limit: limit.default(LIST_DEFAULT),
  cursor: z.string("given once").max(1000, "at most 1000 characters").optional(),
  quick: yesOrNo.optional(),
  force_refresh: yesOrNo.optional(),
});

export function listRequest(query: z.output<typeof listQuery>): ListRequest {
  return withoutUndefined(query);
}

const ONE_TTL = "ttl_seconds, once";

/** Which seconds are allowed is for the library to say. */
export const cacheConfigBody = z.strictObject({
  ttl_seconds: z.number("a number of seconds").optional(),
  cache_ttl_seconds: z.number("a number of seconds").optional(),
}).transform(({ ttl_seconds, cache_ttl_seconds }, context) => {
  const seconds = ttl_seconds ?? cache_ttl_seconds;
  if (seconds !== undefined && (ttl_seconds === undefined || cache_ttl_seconds === undefined)) {
    return { ttl_seconds: seconds };
  }
  context.addIssue({ code: "custom", message: ONE_TTL, path: ["ttl_seconds"] });
  return z.NEVER;
});

export const refreshBody = z.strictObject({});
