import { LarderError } from "../../core/index.ts";
import type { RepoKind } from "../../hub/index.ts";
import type { HubServing } from "../../library/index.ts";

/** What follows a repository in an address of the API. */
const VERBS = ["revision", "tree", "paths-info", "refs", "auth-check"] as const;
type Verb = typeof VERBS[number];

/** Names here have up to three parts; a dataset's `datasets/` is one of them. */
const NAME_SEGMENTS_MAX = 3;
const KINDS: Readonly<Record<string, RepoKind>> = { models: "model", datasets: "dataset", spaces: "space" };

/** What an address means. Segments are decoded; those of a revision and a path are still in one row. */
export type HubTarget =
  | { readonly kind: "file"; readonly model: string; readonly raw: boolean; readonly rest: readonly string[] }
  | { readonly kind: "list"; readonly repoKind: RepoKind }
  | { readonly kind: "info"; readonly model: string }
  | { readonly kind: Verb; readonly model: string; readonly rest: readonly string[] }
  | { readonly kind: "manifest"; readonly model: string; readonly tag: string }
  | { readonly kind: "chunks"; readonly sha256: string }
  | { readonly kind: "whoami" };

/**
 * Reads an address of the hub. Names hold slashes, raw or encoded: where one could be read two ways, it is the way that names a
 * model that is here.
 *
 * @param path The path as it came, still encoded.
 * @returns Undefined for an address that no route has.
 * @throws {LarderError} BAD_PATH: its percent-encoding is not valid UTF-8.
 */
export function parseHubTarget(path: string, hasModel: (model: string) => boolean): HubTarget | undefined {
  const segments = path.slice(1).split("/").map(decode);
  const [first, second, third, last] = segments;
  if (first === "v2") return parseManifest(segments.slice(1));
  if (first !== "api") return parseFile(segments, hasModel);
  if (second === "whoami-v2" && segments.length === 2) return { kind: "whoami" };
  if (second === "blobs" && last === "chunks" && segments.length === 4) {
    return { kind: "chunks", sha256: third ?? "" };
  }
  const repoKind = Object.hasOwn(KINDS, second ?? "") ? KINDS[second ?? ""] : undefined;
  return repoKind && parseApi(repoKind, segments.slice(2), hasModel);
}

/**
 * Tells a revision from the path after it: the longest row of segments that is a revision.
 *
 * @returns As few segments as possible when none is, so that the error names what was probably meant.
 */
export function splitRevision(
  serving: Pick<HubServing, "findRevision">,
  model: string,
  rest: readonly string[],
): { readonly revision: string; readonly path: string } {
  const split = (count: number) => ({
    revision: rest.slice(0, count).join("/"),
    path: rest.slice(count).join("/"),
  });
  for (let count = Math.min(rest.length, REVISION_SEGMENTS_MAX); count > 1; count--) {
    const found = split(count);
    if (serving.findRevision(model, found.revision) !== undefined) return found;
  }
  return split(rest[0] === "refs" ? REF_SEGMENTS : 1);
}

/** `refs/pr/1` */
const REF_SEGMENTS = 3;
const REVISION_SEGMENTS_MAX = 6;

function parseFile(segments: readonly string[], hasModel: (model: string) => boolean): HubTarget | undefined {
  const readings = segments.slice(0, NAME_SEGMENTS_MAX + 1).flatMap((word, at) => {
    const rest = segments.slice(at + 1);
    if (at === 0 || rest.length < 2 || (word !== "resolve" && word !== "raw")) return [];
    return [{ kind: "file" as const, model: segments.slice(0, at).join("/"), raw: word === "raw", rest }];
  });
  return readings.find(({ model }) => hasModel(model)) ?? readings[0];
}

function parseApi(
  repoKind: RepoKind,
  segments: readonly string[],
  hasModel: (model: string) => boolean,
): HubTarget | undefined {
  if (segments.length === 0) return { kind: "list", repoKind };
  const prefix = repoKind === "model" ? "" : `${repoKind}s/`;
  const readings = Array.from({ length: Math.min(segments.length, NAME_SEGMENTS_MAX) }, (_, at) => at + 1)
    .flatMap((count) => {
      const model = prefix + segments.slice(0, count).join("/");
      return apiTarget(model, segments[count], segments.slice(count + 1)) ?? [];
    });
  return readings.find(({ model }) => hasModel(model)) ?? readings[0];
}

function apiTarget(model: string, word: string | undefined, rest: readonly string[]) {
  if (word === undefined) return { kind: "info", model } as const;
  const verb = VERBS.find((one) => one === word);
  if (verb === undefined) return undefined;
  const needsRevision = verb === "revision" || verb === "tree" || verb === "paths-info";
  return needsRevision === rest.length > 0 ? { kind: verb, model, rest } : undefined;
}

/** `{model}/manifests/{tag}` */
function parseManifest(segments: readonly string[]): HubTarget | undefined {
  const model = segments.slice(0, -2).join("/");
  if (model === "" || segments.at(-2) !== "manifests") return undefined;
  return { kind: "manifest", model, tag: segments.at(-1) ?? "" };
}

function decode(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    throw new LarderError("BAD_PATH", "Cannot read the address: its percent-encoding is not valid UTF-8", {
      field: "path",
      cause: error,
    });
  }
}
