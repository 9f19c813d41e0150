import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { LarderError, systemCode } from "../../core/index.ts";
import type { ModelFile } from "../types.ts";

/**
 * Checks that a folder holds all files of a model under their paths, as what they are: regular files of the recorded length, with no
 * symbolic link on the way. What native code then opens by name lies inside the folder.
 *
 * @throws {LarderError} UNSAFE_PATH for a link or anything else in the way; BLOB_MISSING; BLOB_DAMAGED for another length.
 */
export async function checkFolder(
  folder: string,
  files: readonly Pick<ModelFile, "path" | "sizeBytes">[],
): Promise<void> {
  const folders = new Set<string>();
  for (const { path, sizeBytes } of files) {
    const names = path.split("/");
    for (let depth = 1; depth < names.length; depth++) folders.add(names.slice(0, depth).join("/"));
    const entry = await entryAt(folder, path);
    if (!entry.isFile()) throw unsafe(path);
    if (entry.size !== sizeBytes) {
      throw new LarderError(
        "BLOB_DAMAGED",
        `Cannot use ${path}: it is ${entry.size} bytes long, not ${sizeBytes}`,
        {
          hint: "Run `larder verify`, then `larder repair`.",
        },
      );
    }
  }
  for (const path of folders) {
    if (!(await entryAt(folder, path)).isDirectory()) throw unsafe(path);
  }
}

async function entryAt(folder: string, path: string) {
  try {
    return await lstat(join(folder, path));
  } catch (error) {
    if (!["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) throw error;
    throw new LarderError("BLOB_MISSING", `Cannot use ${path}: it is not in its folder`, { cause: error });
  }
}

function unsafe(path: string): LarderError {
  return new LarderError("UNSAFE_PATH", `Cannot use ${path}: a link or something else was put in its place`, {
    hint: "Look at this path in the views of the home, and move away what is there.",
  });
}
