import { LarderError, sha256 } from "../core/index.ts";
import type { HubViewFile } from "./types.ts";
import { viewPath } from "./view-names.ts";

const KINDS = ["datasets", "spaces"];
const SEPARATOR = "--";
const COMMIT = /^[0-9a-f]{40}$/;
const COMMIT_DIGITS = 40;

/**
 * The folder that the hub's own tools keep a repository in: `models--acme--tiny`, `datasets--acme--texts`. Undefined for a model that
 * no hub could have by this name, so that different models never share a folder.
 *
 * @see huggingface_hub, `repo_folder_name`; names there hold no "--" and do not end in "-".
 */
export function hubFolder(model: string): string | undefined {
  const segments = model.split("/");
  const isKind = segments.length > 1 && KINDS.includes(segments[0] ?? "");
  const [kind, ...id] = isKind ? segments : ["models", ...segments];
  const isUsable = id.length <= 2 && id.every((name) => !name.includes(SEPARATOR) && !name.endsWith("-"));
  return isUsable ? [kind, ...id].join(SEPARATOR) : undefined;
}

/**
 * What a version is called among the snapshots, where the hub's own tools know commits only: a commit as it is, any other version by the
 * first 40 digits of a SHA-256 over its name.
 */
export function hubCommit(version: string): string {
  return COMMIT.test(version) ? version : sha256(version).slice(0, COMMIT_DIGITS);
}

/** The name of a file's blob: what the hub gives as its strong ETag. */
export function hubBlobName({ gitOid, digest }: HubViewFile): string {
  return gitOid ?? digest;
}

/** The text of the link from a path of a snapshot to its blob. */
export function hubLinkText(path: string, blobName: string): string {
  return `${"../".repeat(path.split("/").length + 1)}blobs/${blobName}`;
}

/** The hub's own tools look for a file by its exact name, so there is no escaping. @throws {LarderError} BAD_PATH */
export function refuseInexactNames(
  files: readonly HubViewFile[],
  platform: NodeJS.Platform = process.platform,
): void {
  if (platform !== "win32") return;
  const inexact = files.find(({ path }) => viewPath(path) !== path);
  if (inexact !== undefined) throw inexactName(inexact.path);
}

export function inexactName(path: string, cause?: unknown): LarderError {
  return new LarderError(
    "BAD_PATH",
    `Cannot make a hub folder: ${JSON.stringify(path)} cannot have exactly this name here`,
    {
      field: "path",
      hint: "Use the layout with names, or read the files by HTTP.",
      cause,
    },
  );
}
