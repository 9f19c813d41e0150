import { LarderError } from "./errors.ts";

/** `model[@version-or-alias][:variant]`, as typed by a user: nothing in it is resolved yet. */
export interface ModelRef {
  readonly model: string;
  /** A version or an alias. Absent means `latest`. */
  readonly version?: string;
  readonly variant?: string;
}

export const DEFAULT_VARIANT = "default";
export const LATEST = "latest";
export const BEST = "best";

const MODEL_SEGMENTS_MAX = 3;
const MODEL_SEGMENT = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_-])?$/;
const VERSION = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/;
const VARIANT = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** First segments that are routes, and segments that follow a model in a route: neither may be read two ways. */
const RESERVED_FIRST = new Set([
  ...["api", "cache-config", "cache-info", "dashboard", "docs", "download", "health", "healthz", "library"],
  ...["metrics", "openapi.json", "raw", "refresh", "resolve", "scan", "v1", "v2"],
]);
const RESERVED_AFTER = new Set(["aliases", "metadata", "options", "path", "pin"]);
const COMPUTED_ALIASES = new Set([LATEST, BEST]);

/**
 * Reads a reference.
 *
 * @throws {LarderError} BAD_REFERENCE naming the part that is wrong and what is allowed.
 */
export function parseModelRef(text: string): ModelRef {
  const [, model = "", version, variant] = /^([^@:]*)(?:@([^:]*))?(?::(.*))?$/su.exec(text) ?? [];
  return {
    model: parseModelName(model),
    ...(version === undefined ? {} : { version: parseVersionOrAlias(version) }),
    ...(variant === undefined ? {} : { variant: parseVariant(variant) }),
  };
}

export function formatModelRef(ref: ModelRef): string {
  return ref.model + (ref.version ? `@${ref.version}` : "") + (ref.variant ? `:${ref.variant}` : "");
}

/** @throws {LarderError} BAD_NAME */
export function parseModelName(text: string): string {
  const segments = text.split("/");
  const wellFormed = segments.length <= MODEL_SEGMENTS_MAX &&
    segments.every((segment) => MODEL_SEGMENT.test(segment) && !segment.includes(".."));
  if (!wellFormed) {
    throw bad(
      "model",
      text,
      '1 to 3 parts joined by "/", each of 1 to 96 letters, digits, "_", "-" and ".", with no ".."',
    );
  }
  const [first = "", ...rest] = segments;
  if (RESERVED_FIRST.has(first.toLowerCase()) || rest.some((segment) => RESERVED_AFTER.has(segment))) {
    throw bad(
      "model",
      text,
      'a name that is not also a route (such as "api", "health", or a part called "path")',
    );
  }
  return text;
}

/** A version that a user gives. @throws {LarderError} BAD_NAME */
export function parseVersion(text: string): string {
  if (VERSION.test(text) && !text.includes("..") && !COMPUTED_ALIASES.has(text)) return text;
  throw bad(
    "version",
    text,
    '1 to 128 letters, digits, ".", "_", "+" and "-", with no "..", and not "latest" or "best"',
  );
}

/** A version, a user's alias, or `latest`/`best`. @throws {LarderError} BAD_NAME */
export function parseVersionOrAlias(text: string): string {
  return COMPUTED_ALIASES.has(text) ? text : parseVersion(text);
}

/** An alias that a user may set: `latest` and `best` are computed. @throws {LarderError} BAD_ALIAS */
export function parseAlias(text: string): string {
  if (VERSION.test(text) && !text.includes("..") && !COMPUTED_ALIASES.has(text)) return text;
  throw new LarderError("BAD_ALIAS", `Cannot use alias ${shown(text)}`, {
    field: "alias",
    hint: 'Allowed are 1 to 128 letters, digits, ".", "_", "+" and "-"; "latest" and "best" are computed.',
  });
}

/** @throws {LarderError} BAD_NAME */
export function parseVariant(text: string): string {
  if (VARIANT.test(text)) return text;
  throw bad("variant", text, '1 to 64 letters, digits, ".", "_" and "-"');
}

const SEGMENT_BYTES_MAX = 255;
const PATH_BYTES_MAX = 4096;
const PATH_SEGMENTS_MAX = 64;
/** C0 and C1 controls, line and paragraph separators, and the marks that change the direction of text. */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;

/**
 * A file's path inside a version: relative, "/" between names, kept as given (NFC and NFD stay apart). It never becomes a
 * path on disk as it is: blobs are named by digest and views escape what a file system could take another way.
 *
 * @throws {LarderError} BAD_PATH
 */
export function parseFilePath(text: string, field = "path"): string {
  const reason = pathFault(text);
  if (reason === undefined) return text;
  throw new LarderError("BAD_PATH", `Cannot use file path ${shown(text)}: ${reason}`, {
    field,
    hint: 'Give a relative path with "/" between names, without ".", "..", "\\" or control characters.',
  });
}

function pathFault(text: string): string | undefined {
  if (text.length > PATH_BYTES_MAX || Buffer.byteLength(text) > PATH_BYTES_MAX) {
    return `longer than ${PATH_BYTES_MAX} bytes`;
  }
  if (!text.isWellFormed()) return "not well-formed Unicode";
  if (text.includes("\ufffd")) return "holds a replacement character, so it was not valid UTF-8";
  if (UNPRINTABLE.test(text)) return "holds a control or direction character";
  if (text.includes("\\")) return "holds a backslash";
  if (/%(?:2e|2f|5c|00)/i.test(text)) return "holds a percent-encoded separator or dot";
  const segments = text.split("/");
  if (segments.length > PATH_SEGMENTS_MAX) return `more than ${PATH_SEGMENTS_MAX} names deep`;
  if (segments.some((segment) => segment === "" || segment === "." || segment === "..")) {
    return 'empty, absolute, or with an empty, "." or ".." name';
  }
  if (segments.some((segment) => Buffer.byteLength(segment) > SEGMENT_BYTES_MAX)) {
    return `a name is longer than ${SEGMENT_BYTES_MAX} bytes`;
  }
  return undefined;
}

function bad(field: string, text: string, allowed: string): LarderError {
  return new LarderError("BAD_NAME", `Cannot use ${field} ${shown(text)}`, {
    field,
    hint: `Allowed: ${allowed}.`,
  });
}

/** Escapes controls and cuts, so that a hostile name cannot forge a line of a log. */
function shown(text: string): string {
  const cut = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return JSON.stringify(cut.toWellFormed()).replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
