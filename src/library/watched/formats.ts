import { isLarderError } from "../../core/index.ts";
import { isModelFile } from "../../runtimes/index.ts";
import type { FoundFile } from "./walk.ts";

/** While a file is being written only its name says what it will be. */
const PROMISED = /\.(?:gguf|onnx|safetensors)$/i;

/** Which files are models, read from each file once as long as it does not change. */
export class Formats {
  readonly #known = new Map<
    string,
    { readonly sizeBytes: number; readonly modifiedMs: number; isModel: boolean }
  >();

  /** As {@link hasModel}, where that is known without reading anything. */
  knownModel(files: readonly FoundFile[]): boolean | undefined {
    const known = files.map((file) => this.#find(file));
    return known.includes(true) ? true : known.includes(undefined) ? undefined : false;
  }

  async hasModel(files: readonly FoundFile[]): Promise<boolean> {
    for (const file of files) if (await this.isModel(file)) return true;
    return false;
  }

  async isModel(file: FoundFile): Promise<boolean> {
    const known = this.#find(file);
    if (known !== undefined) return known;
    const { path, localPath, sizeBytes, modifiedMs } = file;
    try {
      const isModel = await isModelFile({ path, localPath, sizeBytes, sha256: "" });
      this.#known.set(path, { sizeBytes, modifiedMs, isModel });
      return isModel;
    } catch (error) {
      if (!isLarderError(error)) throw error;
      return PROMISED.test(path);
    }
  }

  #find({ path, sizeBytes, modifiedMs }: FoundFile): boolean | undefined {
    const known = this.#known.get(path);
    return known?.sizeBytes === sizeBytes && known.modifiedMs === modifiedMs ? known.isModel : undefined;
  }

  /** Forgets all that are not there any more. */
  keep(files: readonly FoundFile[]): void {
    const paths = new Set(files.map(({ path }) => path));
    for (const path of this.#known.keys()) if (!paths.has(path)) this.#known.delete(path);
  }
}
