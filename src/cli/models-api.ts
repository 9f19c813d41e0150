import type { CacheStats } from "../cache/types.ts";
import type { LarderApi, Models } from "../library/index.ts";
import type { Preload } from "../preload/index.ts";

/** Models in memory, as verbs need them: of the library of this process, or of the server that owns the home. */
export interface ModelsApi extends Pick<Models, "predict" | "load" | "unload" | "reload" | "setPinned"> {
  cacheStats(): CacheStats | Promise<CacheStats>;
}

/** All that a verb can ask. */
export interface CliApi extends LarderApi {
  readonly models: ModelsApi;
  readonly preload: Preload;
}
