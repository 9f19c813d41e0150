import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { DataFile } from "./data-files.ts";

/** A repository as the hub of a bench has it: plain data, handed to the hub's process. */
export interface HubRepository {
  readonly id: string;
  /** 40 hexadecimal digits. */
  readonly commit: string;
  readonly files: readonly HubFile[];
  /** Files and folders on one page of the listing. */
  readonly pageEntries: number;
  /** What the hub says of it beside its files: `pipeline_tag`, `gguf` … */
  readonly said: Readonly<Record<string, unknown>>;
}

export interface HubFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Git's name of the content, or of the pointer to it. */
  readonly gitOid: string;
  /** Of files that are kept in LFS. */
  readonly sha256?: string;
  /** Where the hub itself reads the file. */
  readonly localPath?: string;
  /** Where it sends whoever wants the file; one with neither is only listed. */
  readonly url?: string;
}

/** The hub lists no more files and folders on a page. */
const PAGE_ENTRIES_MAX = 1000;

export function hubRepository(
  id: string,
  files: readonly HubFile[],
  { pageEntries = PAGE_ENTRIES_MAX, said = {} }: Partial<Pick<HubRepository, "pageEntries" | "said">> = {},
): HubRepository {
  const hash = createHash("sha1").update(id);
  for (const { path, gitOid } of files) hash.update(`\n${path} ${gitOid}`);
  return { id, commit: hash.digest("hex"), files, pageEntries, said };
}

/** A file that Git itself holds. */
export function smallHubFile(path: string, localPath: string): HubFile {
  const bytes = readFileSync(localPath);
  return { path, sizeBytes: bytes.length, gitOid: gitOidOf(bytes), localPath };
}

/** A file that is kept in LFS. @see git-lfs, docs/spec.md: the text that Git holds in its place. */
export function largeHubFile(
  path: string,
  { sizeBytes, sha256 }: Pick<DataFile, "sizeBytes" | "sha256">,
  url?: string,
): HubFile {
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${sizeBytes}\n`;
  const gitOid = gitOidOf(Buffer.from(pointer));
  return { path, sizeBytes, gitOid, sha256, ...(url === undefined ? {} : { url }) };
}

/** @see Pro Git, "Git Internals – Git Objects". */
function gitOidOf(bytes: Uint8Array): string {
  return createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}
