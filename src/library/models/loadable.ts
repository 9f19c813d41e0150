import type { CacheStats, ModelCache } from "../../cache/index.ts";
import type { Registry } from "../../registry/index.ts";
import type { LoadableView } from "../model-types.ts";
import type { LoadedVariant } from "./model-loader.ts";

const PAGE = 500;

export interface LoadableDeps {
  readonly registry: Registry;
  readonly cache: ModelCache<LoadedVariant>;
}

/** Versions that could be loaded, and which of them are. */
export function loadableVersions({ registry, cache }: LoadableDeps, model?: string): LoadableView[] {
  const stats = cache.stats();
  const names = model === undefined ? [...allModels(registry)] : registry.hasModel(model) ? [model] : [];
  return names.flatMap((name) => {
    const versions = registry.findModel(name)?.versions ?? [];
    return versions.map(({ version, metrics = {} }): LoadableView => {
      const row = registry.findVersion(name, version);
      const variants = row?.variants.filter(({ status }) => status === "downloaded") ?? [];
      return {
        model: name,
        version,
        variants: variants.map((variant) => variant.name),
        ...stateOf(stats, name, version),
        metrics,
      };
    });
  });
}

function* allModels(registry: Registry): Generator<string> {
  let after: string | undefined;
  for (;;) {
    const rows = registry.listModels({ limit: PAGE, ...(after === undefined ? {} : { after }) });
    for (const row of rows) yield row.model;
    after = rows.at(-1)?.model;
    if (rows.length < PAGE || after === undefined) return;
  }
}

function stateOf(stats: CacheStats, model: string, version: string): Pick<LoadableView, "state" | "reason"> {
  const isIt = (one: { readonly model: string; readonly version: string }) =>
    one.model === model && one.version === version;
  if (stats.cached_models.some(isIt)) return { state: "ready", reason: null };
  if (stats.loading_models.some(isIt)) return { state: "loading", reason: null };
  const failed = stats.failed_models.find(({ key }) => key.startsWith(`${model}@${version}:`));
  return failed === undefined
    ? { state: "unloaded", reason: null }
    : { state: "failed", reason: failed.reason };
}
