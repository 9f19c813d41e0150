import { NAME_LIST, type NamedPath } from "./name-list.ts";
import { namedAfter } from "./unit-names.ts";
import type { FoundFile, Walk } from "./walk.ts";

/** Files of a watched folder that are to be one model. */
export interface Unit {
  /** Of its file or its folder; one path is one unit. */
  readonly path: string;
  /** What a list calls it. */
  readonly named?: string;
  /** The folder from which on its files have their paths in a version; "" or with a slash at its end. */
  readonly base: string;
  /** One at least, in order of path. */
  readonly files: readonly FoundFile[];
  /** Files below it that somebody is writing. They are not taken, and while they change it is not either. */
  readonly unfinished: readonly FoundFile[];
  /** A downloader keeps its notes beside one of the files: its bytes are not all there, however long nobody writes them. */
  readonly isHeld: boolean;
}

const NAME_PARTS_MAX = 3;
/** Names of files that make a folder one model. What they really are is read from them later. */
const PARTS_OF_MODELS = /\.(?:gguf|onnx|safetensors|json)$/i;
/** One part of a model that was cut into files. */
const SHARD = /^(.+)[-_]\d{5,6}-of-(\d{5,6})(\.(?:gguf|safetensors))$/i;
/** What an ONNX file keeps its weights in, beside itself. */
const ONNX_DATA = /^(.+\.onnx)(?:_data|\.data)(?:[._]\d{1,3})?$/i;

/**
 * Sorts what lies in a watched folder into models. A file at the top is one by itself, with its shards or its external data beside it. A
 * folder that directly holds parts of a model is one with all that lies below; a folder of such folders is the first part of their names.
 * What a list names is taken out before.
 *
 * @returns Units in order of path.
 */
export function cutUnits(walk: Walk, names: readonly NamedPath[]): Unit[] {
  const left = new Map(walk.files.map((file) => [file.path, file]));
  left.delete(NAME_LIST);
  const units: Unit[] = [];
  const together = new Map(
    names.length === 0 ? [] : groups(walk.files).flatMap((group) => group.map(({ path }) => [path, group])),
  );
  // Longer paths come first: what is named inside of a named folder is taken out of it.
  for (const { model, path } of names.toSorted((a, b) => b.path.length - a.path.length)) {
    const isFile = left.has(path);
    const found = isFile ? together.get(path) ?? [] : withPrefix(walk.files, `${path}/`);
    const files = found.filter((file) => left.has(file.path));
    if (files.length === 0) continue;
    for (const file of files) left.delete(file.path);
    const base = isFile ? path.slice(0, path.lastIndexOf("/") + 1) : `${path}/`;
    units.push({ ...unitOf(walk, path, base, files), named: model });
  }
  units.push(...unitsIn(walk, folderTree([...left.values()]), "", 1));
  return units.sort((a, b) => a.path < b.path ? -1 : 1);
}

interface Folder {
  readonly files: FoundFile[];
  readonly folders: Map<string, Folder>;
}

function folderTree(files: readonly FoundFile[]): Folder {
  const root: Folder = { files: [], folders: new Map() };
  for (const file of files) {
    let folder = root;
    for (const name of file.path.split("/").slice(0, -1)) {
      const next = folder.folders.get(name) ?? { files: [], folders: new Map() };
      folder.folders.set(name, next);
      folder = next;
    }
    folder.files.push(file);
  }
  return root;
}

function unitsIn(walk: Walk, { files, folders }: Folder, path: string, depth: number): Unit[] {
  const single = groups(files).map((group) => unitOf(walk, group[0]?.path ?? path, path, group));
  const nested = [...folders].flatMap(([name, folder]) => {
    const inside = `${path}${name}/`;
    const isOne = folder.folders.size === 0 || depth === NAME_PARTS_MAX ||
      folder.files.some((file) => PARTS_OF_MODELS.test(file.path));
    return isOne
      ? [unitOf(walk, inside.slice(0, -1), inside, allIn(folder))]
      : unitsIn(walk, folder, inside, depth + 1);
  });
  return [...single, ...nested];
}

function allIn({ files, folders }: Folder): FoundFile[] {
  return [...files, ...[...folders.values()].flatMap(allIn)].sort((a, b) => a.path < b.path ? -1 : 1);
}

/** Files of one folder that belong together by their names. @param files In order of path; so are groups. */
function groups(files: readonly FoundFile[]): FoundFile[][] {
  const byLead = new Map<string, FoundFile[]>();
  const paths = new Set(files.map(({ path }) => path));
  for (const file of files) {
    const lead = leadOf(file.path, paths);
    const group = byLead.get(lead) ?? [];
    group.push(file);
    byLead.set(lead, group);
  }
  return [...byLead.values()];
}

function leadOf(path: string, paths: ReadonlySet<string>): string {
  const [, stem, total, ending] = SHARD.exec(path) ?? [];
  if (stem !== undefined) return `${stem}-of-${total}${ending}`;
  const [, model = ""] = ONNX_DATA.exec(path) ?? [];
  return paths.has(model) ? model : path;
}

function unitOf(walk: Walk, path: string, base: string, files: readonly FoundFile[]): Unit {
  const prefixes = base === `${path}/` ? [base] : files.map((file) => file.path);
  const unfinished = prefixes.flatMap((prefix) => withPrefix(walk.unfinished, prefix));
  return { path, base, files, unfinished, isHeld: areHeld(files, unfinished) };
}

/** `x.gguf.aria2` beside `x.gguf`. */
function areHeld(files: readonly FoundFile[], unfinished: readonly FoundFile[]): boolean {
  if (unfinished.length === 0) return false;
  const paths = new Set(files.map(({ path }) => path));
  return unfinished.some(({ path }) => paths.has(path.replace(/(?:~|\.[^./]+)$/, "")));
}

/** @param files In order of path: those with a prefix stand side by side. */
function withPrefix(files: readonly FoundFile[], prefix: string): FoundFile[] {
  let [start, end] = [0, files.length];
  while (start < end) {
    const middle = (start + end) >> 1;
    if ((files[middle]?.path ?? "") < prefix) start = middle + 1;
    else end = middle;
  }
  for (end = start; files[end]?.path.startsWith(prefix);) end++;
  return files.slice(start, end);
}

/** What a unit is called without a list. */
export function ownNameOf({ path, base }: Unit): string {
  return namedAfter(base === `${path}/` ? path : withoutEnding(path));
}

/** `iris.onnx` is iris, and the first of its shards is what they all are. */
function withoutEnding(path: string): string {
  const [, stem] = SHARD.exec(path) ?? [];
  return stem ?? path.replace(/(?<=[^/])\.[A-Za-z0-9_]{1,16}$/, "");
}
