import { sha256 } from "../../core/index.ts";
import type { HubServedFile, HubSnapshot } from "../../library/index.ts";

export interface TreeEntry {
  readonly type: "file" | "directory";
  readonly oid: string;
  readonly size: number;
  readonly path: string;
  readonly lfs?: { readonly oid: string; readonly size: number; readonly pointerSize: number };
}

/** Files and the folders above them, by path in order of code units. */
export type Tree = ReadonlyMap<string, TreeEntry>;

/** Trees of snapshots, made when first asked for and gone with the snapshot. */
export class Trees {
  readonly #trees = new WeakMap<HubSnapshot, Tree>();

  of(snapshot: HubSnapshot): Tree {
    const known = this.#trees.get(snapshot);
    if (known !== undefined) return known;
    const tree = buildTree(snapshot);
    this.#trees.set(snapshot, tree);
    return tree;
  }
}

/** What a listing with `expand` adds to an entry. All files are as old as their version, and nobody has scanned them. */
export function expanded(entry: TreeEntry, { commit, createdAtS, version }: HubSnapshot) {
  return {
    ...entry,
    lastCommit: { id: commit, title: version, date: new Date(createdAtS * 1000).toISOString() },
    securityFileStatus: { status: "unscanned", avScan: null, pickleImportScan: null },
  };
}

function buildTree({ files }: HubSnapshot): Tree {
  const entries = [...files.values()].map(fileEntry);
  const contents = new Map<string, string[]>();
  for (const { path, oid } of entries) {
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      const folder = path.slice(0, end);
      const lines = contents.get(folder) ?? [];
      if (lines.length === 0) contents.set(folder, lines);
      lines.push(`${path}\0${oid}\n`);
    }
  }
  const folders = [...contents].map(([path, lines]) => folderEntry(path, lines));
  const sorted = [...entries, ...folders].sort((a, b) => a.path < b.path ? -1 : 1);
  return new Map(sorted.map((entry) => [entry.path, entry]));
}

function fileEntry({ path, gitOid, sizeBytes: size, sha256: oid, pointerBytes }: HubServedFile): TreeEntry {
  const entry: TreeEntry = { type: "file", oid: gitOid, size, path };
  return pointerBytes === undefined ? entry : { ...entry, lfs: { oid, size, pointerSize: pointerBytes } };
}

/** Git would name a folder by its tree object; clients only ask that the name has its form and follows from what is in it. */
function folderEntry(path: string, lines: readonly string[]): TreeEntry {
  return { type: "directory", oid: sha256(lines.join("")).slice(0, 40), size: 0, path };
}
