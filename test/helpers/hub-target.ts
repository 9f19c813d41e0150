/** The hub keeps three kinds, each below a prefix of its own; models have none. */
export type RepoKind = "model" | "dataset" | "space";

/** The parts of an address below which a repository is asked for. Parts are percent-encoded as they came. */
export interface RepoTarget {
  readonly kind: RepoKind;
  readonly id: string;
  readonly action: ApiAction | FileAction;
  /** What follows the action: a revision and often a path. */
  readonly rest: string;
  /** The same address for the repository by another name. */
  renamed(id: string): string;
}

export type ApiAction = "info" | "revision" | "tree" | "paths-info" | "refs" | "auth-check";
export type FileAction = "resolve" | "raw" | "resolve-cache";

const ID = "[^/]+(?:/[^/]+)??";
const API = new RegExp(
  `^(/api/(models|datasets|spaces)/)(${ID})(?:/(revision|tree|paths-info|refs|auth-check)(?:/(.+))?)?$`,
);
const RESOLVE_CACHE = new RegExp(`^(/api/(resolve-cache)/(models|datasets|spaces)/)(${ID})/([^/]{40}/.+)$`);
const FILE = new RegExp(`^(/(?:(datasets|spaces)/)?)(${ID})/(resolve|raw)/(.+)$`);

/** Undefined for what is no address of a repository. @throws {URIError} Its escapes are no UTF-8. */
export function readTarget(path: string): RepoTarget | undefined {
  const api = API.exec(path);
  if (api) {
    const [, before = "", kinds = "", id = "", action = "info", rest = ""] = api;
    return target(path, before, kinds, id, action as ApiAction, rest);
  }
  const cached = RESOLVE_CACHE.exec(path);
  if (cached) {
    const [, before = "", action, kinds = "", id = "", rest = ""] = cached;
    return target(path, before, kinds, id, action as FileAction, rest);
  }
  const file = FILE.exec(path);
  if (!file || path.startsWith("/api/")) return undefined;
  const [, before = "", kinds = "models", id = "", action, rest = ""] = file;
  return target(path, before, kinds, id, action as FileAction, rest);
}

/**
 * Takes a revision and the path after it apart. A revision may hold slashes, raw or as `%2F`, so the longest one that is known
 * wins; of an unknown one the form decides.
 */
export function splitRevision(
  rest: string,
  isKnown: (revision: string) => boolean,
): { readonly revision: string; readonly path: string } {
  const parts = rest.split("/").map(decodeURIComponent);
  const at = (end: number) => ({ revision: parts.slice(0, end).join("/"), path: parts.slice(end).join("/") });
  for (let end = parts.length; end > 0; end--) {
    if (isKnown(at(end).revision)) return at(end);
  }
  return at(parts[0] === "refs" ? 3 : 1);
}

function target(
  path: string,
  before: string,
  kinds: string,
  rawId: string,
  action: RepoTarget["action"],
  rest: string,
): RepoTarget {
  const kind = kinds.slice(0, -1) as RepoKind;
  const renamed = (id: string) => before + id + path.slice(before.length + rawId.length);
  return { kind, id: decodeURIComponent(rawId), action, rest, renamed };
}
