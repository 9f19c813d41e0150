import { createHash, type Hash } from "node:crypto";

/** What a test puts into a repository. A Blob (`Bun.file`) is read when it is served or hashed, and never held whole. */
export type HubContent = string | Uint8Array | Blob;

/** What git calls a file, and what LFS adds. All digests are hexadecimal. */
export interface FileDigests {
  /** SHA-1 of `blob <length>\0` and what git holds: the file, or the pointer text of a file in LFS. */
  readonly gitOid: string;
  readonly lfs?: LfsDigests;
}

export interface LfsDigests {
  readonly sha256: string;
  readonly pointer: string;
  /** The hub's own name for the content; 64 digits that are not its SHA-256. */
  readonly xetHash: string;
}

export interface StoredFile {
  readonly path: string;
  readonly content: Uint8Array | Blob;
  readonly sizeBytes: number;
  readonly inLfs: boolean;
  /** Another one for other content, known without reading a Blob. */
  readonly mark: string;
  /** Computed when first asked for. */
  digests(): Promise<FileDigests>;
}

/** Decides which files are kept in LFS, as `.gitattributes` and the hub's limit for plain files do. */
export interface LfsRule {
  /** This size and more. */
  readonly lfsBytes: number;
  /** Of paths, whatever the size. */
  readonly lfsEndings: readonly string[];
}

/** @param blobMark Stands for the content where that is a Blob. */
export function storeFile(path: string, given: HubContent, rule: LfsRule, blobMark: string): StoredFile {
  const content = typeof given === "string" ? new TextEncoder().encode(given) : given;
  const sizeBytes = content instanceof Blob ? content.size : content.length;
  const inLfs = sizeBytes >= rule.lfsBytes || rule.lfsEndings.some((ending) => path.endsWith(ending));
  const file = { path, content, sizeBytes, inLfs };
  if (content instanceof Blob) {
    let digests: Promise<FileDigests> | undefined;
    return { ...file, mark: blobMark, digests: () => digests ??= digestBlob(content, inLfs) };
  }
  const hash = contentHash(sizeBytes, inLfs).update(content);
  const digests = digestsFrom(hash, sizeBytes, inLfs);
  return { ...file, mark: digests.gitOid, digests: () => Promise.resolve(digests) };
}

/** @see The pointer format of git-lfs, `docs/spec.md`: sorted keys after the version, each line ended. */
function pointerText(sha256: string, sizeBytes: number): string {
  return `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${sizeBytes}\n`;
}

async function digestBlob(content: Blob, inLfs: boolean): Promise<FileDigests> {
  const hash = contentHash(content.size, inLfs);
  for await (const bytes of content.stream()) hash.update(bytes);
  return digestsFrom(hash, content.size, inLfs);
}

function contentHash(sizeBytes: number, inLfs: boolean): Hash {
  return inLfs ? createHash("sha256") : gitHash(sizeBytes);
}

function digestsFrom(hash: Hash, sizeBytes: number, inLfs: boolean): FileDigests {
  const digest = hash.digest("hex");
  if (!inLfs) return { gitOid: digest };
  const pointer = pointerText(digest, sizeBytes);
  const xetHash = createHash("sha256").update(`xet of ${digest}`).digest("hex");
  const gitOid = gitHash(pointer.length).update(pointer).digest("hex");
  return { gitOid, lfs: { sha256: digest, pointer, xetHash } };
}

function gitHash(sizeBytes: number): Hash {
  return createHash("sha1").update(`blob ${sizeBytes}\0`);
}
