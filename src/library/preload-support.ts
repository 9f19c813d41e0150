import type { ModelKey } from "../cache/index.ts";
import type { Registry } from "../registry/index.ts";
import type { ModelTarget } from "./model-types.ts";
import type { PreloadSupport, Pressure } from "./preload-types.ts";
import type { UseRecorder } from "./use/index.ts";

export interface PreloadSupportDeps {
  readonly registry: Registry;
  readonly uses: Pick<UseRecorder, "last">;
  readonly models: {
    keyOf(target: ModelTarget): ModelKey;
    pressure(): Pressure;
  };
}

/** What preloading needs of the library beside its models. */
export function preloadSupport({ registry, uses, models }: PreloadSupportDeps): PreloadSupport {
  return {
    listQueue: () => registry.listPreload(),
    putQueue: (rows) => registry.putPreload(rows),
    removeFromQueue: (references) => registry.removePreload(references),
    find: (target) => {
      const { model, version, variant } = models.keyOf(target);
      const row = registry.accessOf(model).find((one) => one.version === version && one.variant === variant);
      const { sizeBytes = 0, count = 0, usedAtS = 0 } = row ?? {};
      return { model, version, variant, sizeBytes, count, usedAtS };
    },
    history: () => ({ hours: registry.usageHours(), follows: registry.usageFollows() }),
    lastUse: () => uses.last,
    pressure: () => models.pressure(),
    recall: (name) => {
      const text = registry.getSetting(name);
      return text === undefined ? undefined : JSON.parse(text);
    },
    keep: (name, value, options) => registry.setSetting(name, JSON.stringify(value), options),
  };
}
