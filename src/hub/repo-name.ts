import { LarderError } from "../core/index.ts";
import type { RepoKind, RepoName } from "./types.ts";

/** The hub's rule for each half of a name; a legacy name has no namespace. */
const SEGMENT = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_-])?$/;
const REVISION_LENGTH_MAX = 255;

/** In the address of a page or a file, models stand at the root. */
const PAGE_PREFIX: Readonly<Record<RepoKind, string>> = { model: "", dataset: "datasets/", space: "spaces/" };

/**
 * Reads `acme/tiny`, `gpt2`, `datasets/acme/texts` or `spaces/acme/demo`.
 *
 * @throws {LarderError} BAD_NAME
 */
export function parseRepoName(text: string): RepoName {
  const [, prefix = ""] = /^(datasets|spaces)\/./.exec(text) ?? [];
  const kind = prefix === "datasets" ? "dataset" : prefix === "spaces" ? "space" : "model";
  return { kind, id: parseRepoId(text.slice(PAGE_PREFIX[kind].length)) };
}

/** What {@link parseRepoName} reads. */
export function formatRepoName({ kind, id }: RepoName): string {
  return PAGE_PREFIX[kind] + id;
}

/** @throws {LarderError} BAD_NAME */
export function parseRepoId(id: string): string {
  const segments = id.split("/");
  if (segments.length <= 2 && segments.every((one) => SEGMENT.test(one) && !one.includes(".."))) return id;
  throw new LarderError("BAD_NAME", `Cannot use ${shown(id)} as the name of a hub repository`, {
    field: "model",
    hint:
      'Give "owner/name" as its page has it, with "datasets/" or "spaces/" before it for what is not a model.',
  });
}

/**
 * A branch, a tag, a commit, or a reference such as `refs/pr/1`.
 *
 * @see git-check-ref-format: no `..`, no control characters, no `~^:?*[\`.
 * @throws {LarderError} BAD_NAME
 */
export function parseRevision(text: string): string {
  const wellFormed = text.length > 0 && text.length <= REVISION_LENGTH_MAX && text.isWellFormed() &&
    !/[\u0000-\u0020\u007f-\u009f~^:?*[\\\u2028-\u202e\u2066-\u2069]|\.\.|^[/.-]|[/.]$|\/\/|\/\./u.test(text);
  if (wellFormed) return text;
  throw new LarderError("BAD_NAME", `Cannot use ${shown(text)} as a revision`, {
    field: "revision",
    hint: "Give a branch, a tag or a commit.",
  });
}

/** Where the hub tells of a repository, below an endpoint. */
export function apiPath({ kind, id }: RepoName): string {
  return `api/${kind}s/${id}`;
}

/** Where the hub gives a file, below an endpoint. */
export function filePath(repo: RepoName, revision: string, path: string): string {
  return `${formatRepoName(repo)}/resolve/${encodeURIComponent(revision)}/${
    path.split("/").map(encodeURIComponent).join("/")
  }`;
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80).toWellFormed()).replace(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/gu,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
