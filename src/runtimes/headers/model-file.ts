import { isLarderError } from "../../core/index.ts";
import type { ModelFile } from "../types.ts";
import { withReader } from "./byte-reader.ts";
import { formatOf } from "./format.ts";

/**
 * Whether a file says that it is a model in one of the formats read here: by its ending, else by how it begins. Whether it keeps its
 * word only {@link inspectModel} can say.
 *
 * @throws {LarderError} As {@link withReader}.
 */
export async function isModelFile(file: ModelFile): Promise<boolean> {
  try {
    const format = await withReader(file, formatOf);
    return format === "gguf" || format === "onnx" || format === "safetensors";
  } catch (error) {
    // A model in a form that cannot be run here is to be refused for that.
    if (isLarderError(error, "NOT_SUPPORTED")) return true;
    throw error;
  }
}
