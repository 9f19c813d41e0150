import { join } from "node:path";
import { systemClock } from "../../src/core/index.ts";
import type { PreloadSupport } from "../../src/library/index.ts";
import { Preloader, WarmRestart } from "../../src/preload/index.ts";
import { openTestLibrary, type TestLibrary, type TestLibraryOptions } from "../helpers/library.ts";
import { linearOnnx } from "../helpers/onnx-files.ts";
import { tempFolder } from "../helpers/temp-folder.ts";

export interface Preloading extends AsyncDisposable {
  readonly larder: TestLibrary;
  readonly preload: Preloader;
  /** Notes what is loaded, and queues it in the next process. */
  readonly warm: WarmRestart;
  /** `model@version:variant` of all that is in memory, in the order of loading. */
  loaded(): string[];
}

/** A preloader over a real library with these models, each of a tiny size; it does nothing by itself yet. */
export async function preloading(
  models: readonly string[],
  options: TestLibraryOptions = {},
  support: Partial<PreloadSupport> = {},
): Promise<Preloading> {
  const larder = await openTestLibrary(options);
  for (const model of models) await addModel(larder, model, linearOnnx());
  const { library } = larder;
  const preload = new Preloader({
    models: library.models,
    support: { ...library.preloading, ...support },
    clock: systemClock,
  });
  await preload.configure({ delay_ms: 0 });
  const warm = new WarmRestart({
    models: library.models,
    support: library.preloading,
    queue: preload.queue,
    clock: systemClock,
  });
  warm.restoreSettings();
  return {
    larder,
    preload,
    warm,
    loaded: () =>
      library.models.cacheStats().cached_models.map(({ model, version, variant }) =>
        `${model}@${version}:${variant}`
      ),
    [Symbol.asyncDispose]: async () => {
      await preload.close();
      await warm.close();
      await larder[Symbol.asyncDispose]();
    },
  };
}

export async function addModel(
  { library }: TestLibrary,
  model: string,
  bytes: Uint8Array,
  version = "1",
): Promise<void> {
  await using folder = await tempFolder();
  const path = join(folder.path, "model.onnx");
  await Bun.write(path, bytes);
  const { id } = await library.importPath({ path, model, version });
  for await (const { error } of library.watchJob(id)) if (error) throw new Error(error.message);
}
