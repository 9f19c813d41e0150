import { posix } from "node:path";
import { isLarderError, parseFilePath } from "../../core/index.ts";
import type { ModelFile } from "../types.ts";
import { isObject, readJson } from "./config-facts.ts";
import { broken, shown } from "./fault.ts";

const INDEX = /\.index(?:\.[\w-]+)?\.json$/;
/** The largest known ones have some megabytes. */
const INDEX_BYTES_MAX = 32 * 2 ** 20;

/**
 * Checks the lists that say which tensor is in which of several files: they may name files beside them and nothing else, and where one
 * of these is here, all must be.
 *
 * @throws {LarderError} MODEL_BROKEN
 */
export async function checkShardIndexes(files: readonly ModelFile[]): Promise<void> {
  const paths = new Set(files.map((file) => file.path));
  for (const index of files.filter((file) => INDEX.test(file.path))) {
    const json = await readJson(index, INDEX_BYTES_MAX);
    const map = isObject(json) ? json["weight_map"] : undefined;
    if (!isObject(map)) continue;
    const shards = new Set(Object.values(map).map((name) => shardPath(index, name)));
    const missing = [...shards].filter((path) => !paths.has(path));
    if (missing.length > 0 && missing.length < shards.size) {
      throw broken(index.path, `it names ${shown(missing[0] ?? "")}, which is no file of this version`);
    }
  }
}

function shardPath(index: ModelFile, name: unknown): string {
  if (typeof name !== "string") throw broken(index.path, "it does not name its files");
  try {
    return posix.join(posix.dirname(index.path), parseFilePath(name));
  } catch (error) {
    if (!isLarderError(error, "BAD_PATH")) throw error;
    throw broken(index.path, `it names ${shown(name)}, which is no path below its folder`, undefined, error);
  }
}
