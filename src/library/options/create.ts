import type { ModelOptionsApi } from "../options-types.ts";
import { ModelOptions, type ModelOptionsDeps } from "./model-options.ts";
import { Tuner, type TunerDeps } from "./tuner.ts";

export interface ModelOptionsParts
  extends ModelOptionsDeps, Omit<TunerDeps, "options" | "check" | "stats" | "loader"> {
  readonly loader: ModelOptionsDeps["loader"] & TunerDeps["loader"];
}

export function createModelOptions(parts: ModelOptionsParts): ModelOptionsApi {
  const options = new ModelOptions(parts);
  const tuner = new Tuner({ ...parts, options, check: parts.meantBy, stats: () => parts.cache.stats() });
  return {
    find: (target) => options.find(target),
    set: (...asked) => options.set(...asked),
    remove: (...asked) => options.remove(...asked),
    tune: async (request) => tuner.start(request),
  };
}
