import { isAbsolute, sep } from "node:path";
import {
  diskError,
  type ErrorRecord,
  isLarderError,
  LarderError,
  parseFilePath,
  parseModelName,
} from "../../core/index.ts";
import { readSmallFile } from "../hub-cache-blob.ts";
import type { FoundFile } from "./walk.ts";

/** A file at the top of a watched folder that gives its models their names: a JSON array of `{id, path, …}`. */
export const NAME_LIST = "model_registry.json";

const BYTES_MAX = 1024 * 1024;
const ENTRIES_MAX = 1000;

export interface NamedPath {
  readonly model: string;
  /** Of a file or a folder, in the watched folder. */
  readonly path: string;
}

export interface NameList {
  readonly entries: readonly NamedPath[];
  /** Entries that are not used, by their place in the list. */
  readonly refused: ReadonlyArray<{ readonly path: string; readonly error: ErrorRecord }>;
  /** Why nothing of it could be read. */
  readonly fault?: LarderError;
}

export const NO_NAMES: NameList = { entries: [], refused: [] };

/** Reads a list of names. Whatever is in it, it only gives names to files that are found in the watched folder anyway. */
export async function readNameList(root: string, file: FoundFile): Promise<NameList> {
  try {
    const text = await readSmallFile(file.localPath, BYTES_MAX);
    if (text === undefined) throw badList(`it is longer than ${BYTES_MAX} bytes, or no file`);
    return readEntries(root, parseList(text));
  } catch (error) {
    const fault = isLarderError(error) ? error : diskError(error, `read ${NAME_LIST}`);
    if (!isLarderError(fault)) throw error;
    return { ...NO_NAMES, fault };
  }
}

function parseList(text: string): readonly unknown[] {
  const list = parseJson(text);
  if (!Array.isArray(list)) throw badList("it is no array");
  if (list.length > ENTRIES_MAX) throw badList(`it has more than ${ENTRIES_MAX} entries`);
  return list;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badList("it is no JSON", error);
  }
}

function readEntries(root: string, list: readonly unknown[]): NameList {
  const entries: NamedPath[] = [];
  const refused: Array<NameList["refused"][number]> = [];
  for (const [index, given] of list.entries()) {
    try {
      const entry = readEntry(root, given);
      const twin = entries.find(({ model, path }) => model === entry.model || path === entry.path);
      if (twin !== undefined) throw badEntry(`${twin.model} is named before it`);
      entries.push(entry);
    } catch (error) {
      if (!isLarderError(error)) throw error;
      refused.push({ path: `${NAME_LIST}[${index}]`, error: error.toRecord() });
    }
  }
  return { entries, refused };
}

function readEntry(root: string, given: unknown): NamedPath {
  const { id, path } = typeof given === "object" && given !== null ? given as Record<string, unknown> : {};
  if (typeof id !== "string") throw badEntry("its id is no text");
  if (typeof path !== "string" || path === "") throw badEntry("its path is no text");
  return { model: parseModelName(id), path: pathInside(root, path) };
}

/** @throws {LarderError} BAD_PATH for what lies outside, or would if links or ".." were followed. */
function pathInside(root: string, path: string): string {
  const inside = isAbsolute(path)
    ? path.startsWith(root + sep) ? path.slice(root.length + 1) : refuseOutside(path)
    : path.replace(/^(?:\.\/)+/, "");
  return parseFilePath(inside.replace(/\/+$/, ""));
}

function refuseOutside(path: string): never {
  throw new LarderError("BAD_PATH", `Cannot use ${JSON.stringify(path.slice(0, 200))}: it lies outside`, {
    field: "path",
    hint: `Give a path in the folder of ${NAME_LIST}.`,
  });
}

function badList(reason: string, cause?: unknown): LarderError {
  return new LarderError("BAD_SOURCE", `Cannot use ${NAME_LIST}: ${reason}`, {
    hint:
      'Write a JSON array of {"id": "name", "path": "file or folder"}; without it files have their own names.',
    cause,
  });
}

function badEntry(reason: string): LarderError {
  return new LarderError("BAD_SOURCE", `Cannot use this entry: ${reason}`, {
    hint: 'Write {"id": "name", "path": "file or folder"}, each name and each path once.',
  });
}
