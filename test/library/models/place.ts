import { expect } from "bun:test";
import { join } from "node:path";
import { openTestLibrary, type TestLibrary, type TestLibraryOptions } from "../../helpers/library.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

export type Files = Readonly<Record<string, Uint8Array<ArrayBuffer>>>;

export interface Place extends AsyncDisposable {
  readonly larder: TestLibrary;
  /** Takes a version in by the normal way. */
  add(model: string, version: string, files: Files, variant?: string): Promise<void>;
  /** Closes the library and opens another one over the same home. */
  restart(options?: TestLibraryOptions): Promise<TestLibrary>;
}

/** A library over real models. */
export async function place(options: TestLibraryOptions = {}): Promise<Place> {
  const folder = await tempFolder();
  const home = join(folder.path, "home");
  let larder = await openTestLibrary({ ...options, home });
  return {
    get larder() {
      return larder;
    },
    add: async (model, version, files, variant) => {
      const root = join(folder.path, `${model}-${version}-${variant ?? ""}`.replaceAll("/", "-"));
      for (const [path, bytes] of Object.entries(files)) await Bun.write(join(root, path), bytes);
      const { id } = await larder.library.importPath({
        ...{ path: root, model, version },
        ...(variant === undefined ? {} : { variant }),
      });
      let last;
      for await (last of larder.library.watchJob(id));
      expect(last?.state).toBe("done");
    },
    restart: async (changed = {}) => {
      await larder.close();
      larder = await openTestLibrary({ ...options, ...changed, home });
      return larder;
    },
    [Symbol.asyncDispose]: async () => {
      await larder[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
