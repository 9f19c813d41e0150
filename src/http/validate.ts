import { zValidator } from "@hono/zod-validator";
import { HTTPException } from "hono/http-exception";
import type { z } from "zod";
import { type ErrorCode, LarderError } from "../core/index.ts";

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly code?: string | undefined;
  readonly keys?: readonly string[];
}

/** A route's JSON body, checked. A route that is sent no body at all sees `{}`. */
export function jsonBody<T extends z.ZodType>(schema: T) {
  return zValidator("json", schema, (result) => {
    if (!result.success) throw invalid("BAD_BODY", "body", result.error.issues[0] as Issue | undefined);
  });
}

export function queryOf<T extends z.ZodType>(schema: T) {
  return zValidator("query", schema, (result) => {
    if (!result.success) throw invalid("BAD_QUERY", "query", result.error.issues[0] as Issue | undefined);
  });
}

/** A body that no validator of a route has read. @throws {LarderError} BAD_BODY naming the field. */
export function checkBody<T extends z.ZodType>(schema: T, body: unknown): z.output<T> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw invalid("BAD_BODY", "body", result.error.issues[0] as Issue | undefined);
}

/** A query that no validator of a route has read: a key that is given several times has a list. @throws {LarderError} BAD_QUERY */
export function checkQuery<T extends z.ZodType>(schema: T, query: URLSearchParams): z.output<T> {
  const given = Object.fromEntries(
    [...new Set(query.keys())].map((key) => {
      const [value, ...more] = query.getAll(key);
      return [key, more.length === 0 ? value : [value, ...more]];
    }),
  );
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  throw invalid("BAD_QUERY", "query", result.error.issues[0] as Issue | undefined);
}

/** What the validator itself throws on malformed JSON, in our form. */
export function asLarderError(error: unknown): unknown {
  if (!(error instanceof HTTPException) || error.status !== 400) return error;
  return new LarderError("BAD_BODY", "Cannot read the body: it is not well-formed JSON", {
    field: "body",
    cause: error,
  });
}

function invalid(code: "BAD_BODY" | "BAD_QUERY", whole: string, issue: Issue | undefined): LarderError {
  const field = fieldOf(issue) || whole;
  return new LarderError(codeOf(code, issue), `Cannot use ${field} of the ${whole} as it is`, {
    field,
    hint: `${issue?.message ?? "Not allowed"}.`,
  });
}

function codeOf(code: ErrorCode, issue: Issue | undefined): ErrorCode {
  return issue?.path.at(-1) === "size" ? "BAD_SIZE" : code;
}

/** `files[0].urls[1]`; for a key that is not known, that key. */
function fieldOf(issue: Issue | undefined): string {
  const path = [...issue?.path ?? [], ...issue?.keys?.slice(0, 1) ?? []];
  return path.map((key, at) => typeof key === "number" ? `[${key}]` : `${at === 0 ? "" : "."}${String(key)}`)
    .join("").slice(0, 200);
}
