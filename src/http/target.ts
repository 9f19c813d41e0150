import {
  formatModelRef,
  LarderError,
  parseFilePath,
  parseModelName,
  parseModelRef,
  parseVersionOrAlias,
} from "../core/index.ts";

/** The path of a request as it came, still percent-encoded. */
export function rawPath(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  if (start < 0) return "/";
  let end = start;
  while (end < url.length && url.charCodeAt(end) !== QUESTION_MARK && url.charCodeAt(end) !== NUMBER_SIGN) {
    end++;
  }
  return url.slice(start, end);
}

const QUESTION_MARK = 0x3f;
const NUMBER_SIGN = 0x23;

/**
 * Percent-decodes once, strictly: what is malformed or not UTF-8 is refused, and what is still encoded afterwards is
 * literal text for the parsers of names to judge.
 */
export function decode(text: string, code: "BAD_NAME" | "BAD_PATH"): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new LarderError(code, "Cannot read the address: its percent-encoding is not valid UTF-8", {
      field: code === "BAD_PATH" ? "path" : "model",
      cause: error,
    });
  }
}

export const MODELS_PREFIX = "/api/models/";
export const FILES_PREFIX = "/api/files/";

export type ModelTarget =
  | { readonly kind: "model"; readonly reference: string }
  | { readonly kind: "path"; readonly reference: string }
  | { readonly kind: "alias"; readonly model: string; readonly alias: string };

/**
 * Reads what follows `/api/models/`: a reference whose name may hold slashes, raw or encoded, and perhaps `/path` or
 * `/aliases/{alias}` after it. No part of a model's name may be one of these words, so there is one way to read it.
 *
 * @param version Of the query, for callers that cannot write `model@version`.
 * @throws {LarderError} BAD_NAME, BAD_REFERENCE
 */
export function parseModelTarget(path: string, version?: string): ModelTarget {
  const segments = path.slice(MODELS_PREFIX.length).split("/");
  if (segments.at(-2) === "aliases") {
    const model = parseModelName(decode(segments.slice(0, -2).join("/"), "BAD_NAME"));
    return { kind: "alias", model, alias: decode(segments.at(-1) ?? "", "BAD_NAME") };
  }
  const kind = segments.at(-1) === "path" ? "path" : "model";
  const names = kind === "path" ? segments.slice(0, -1) : segments;
  return { kind, reference: readReference(decode(names.join("/"), "BAD_NAME"), version) };
}

function readReference(text: string, version: string | undefined): string {
  const ref = parseModelRef(text);
  if (version === undefined) return formatModelRef(ref);
  if (ref.version !== undefined) {
    throw new LarderError("BAD_QUERY", "Cannot use two versions: one is in the address, one in the query", {
      field: "version",
    });
  }
  return formatModelRef({ ...ref, version: parseVersionOrAlias(version) });
}

export interface FileTarget {
  readonly model: string;
  readonly version: string;
  readonly path: string;
  /** How many segments of the address the model took. */
  readonly modelSegments: number;
}

const MODEL_SEGMENTS_MAX = 3;

/**
 * Reads what follows `/api/files/`: `{model}/{version}/{path}`. How many segments the model takes is told by which models
 * there are, the longest name first; undefined when no reading names a model.
 *
 * @param segmentsMax For asking again when the longer name turned out not to be meant.
 * @throws {LarderError} BAD_NAME, BAD_PATH
 */
export function findFileTarget(
  path: string,
  hasModel: (model: string) => boolean,
  segmentsMax = MODEL_SEGMENTS_MAX,
): FileTarget | undefined {
  const segments = path.slice(FILES_PREFIX.length).split("/");
  for (let count = Math.min(segmentsMax, segments.length - 2); count > 0; count--) {
    const model = decode(segments.slice(0, count).join("/"), "BAD_NAME");
    if (hasModel(model)) return readRest(model, segments, count);
  }
  return undefined;
}

/** The error for an address without a known model. Wrong input is called so, whether or not there is such a model. */
export function unknownModel(path: string): LarderError {
  const segments = path.slice(FILES_PREFIX.length).split("/");
  const { model } = readRest(parseModelName(decode(segments[0] ?? "", "BAD_NAME")), segments, 1);
  return new LarderError("MODEL_NOT_FOUND", `Cannot find a model for this address (such as ${model})`, {
    field: "model",
    hint: "GET /api/models/library lists the models; addresses read {model}/{version}/{path}.",
  });
}

function readRest(model: string, segments: readonly string[], count: number): FileTarget {
  return {
    model,
    version: parseVersionOrAlias(decode(segments[count] ?? "", "BAD_NAME")),
    path: parseFilePath(decode(segments.slice(count + 1).join("/"), "BAD_PATH")),
    modelSegments: count,
  };
}
