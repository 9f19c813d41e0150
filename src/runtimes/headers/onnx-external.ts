import { posix } from "node:path";
import { isLarderError, parseFilePath } from "../../core/index.ts";
import type { ModelFile } from "../types.ts";
import { broken, shown } from "./fault.ts";
import type { OnnxHeader } from "./onnx.ts";

/** ONNX Runtime takes this location for the memory of its process, and the offset for an address. */
const MEMORY = "*/_ORT_MEM_ADDR_/*";

/**
 * Checks the other files that a model uses: each is named by a plain path below the folder of the model's file, is one of the files of
 * the same version, and is long enough for what is said to be in it.
 *
 * @returns The files that are used.
 * @throws {LarderError} MODEL_BROKEN
 */
export function checkExternalData(
  model: ModelFile,
  header: Pick<OnnxHeader, "external">,
  files: readonly ModelFile[],
): ModelFile[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const used: ModelFile[] = [];
  for (const { location, endBytes, tensor } of header.external) {
    const path = posix.join(posix.dirname(model.path), plainLocation(model, location));
    const file = byPath.get(path);
    if (file === undefined) {
      throw broken(
        model.path,
        `its tensor ${shown(tensor)} lies in ${shown(path)}, which is no file of this version`,
      );
    }
    if (endBytes > file.sizeBytes) {
      const what = `its tensor ${
        shown(tensor)
      } ends at byte ${endBytes} of ${path}, which has ${file.sizeBytes}`;
      throw broken(model.path, what);
    }
    used.push(file);
  }
  return used;
}

function plainLocation(model: ModelFile, location: string): string {
  if (location.includes(MEMORY)) throw broken(model.path, "it asks for the memory of this process");
  try {
    return parseFilePath(location.replace(/^\.\//, ""));
  } catch (error) {
    if (!isLarderError(error, "BAD_PATH")) throw error;
    throw broken(
      model.path,
      `it uses ${shown(location)}, which is no path below its folder`,
      undefined,
      error,
    );
  }
}
