import type { CacheStats } from "../../cache/index.ts";
import type { Registry } from "../../registry/index.ts";

/** What changes all the time, as it was at one moment. */
export interface LiveState {
  /** Names of models of which a variant is in memory. */
  readonly loaded: ReadonlySet<string>;
  /** Names of models that are kept, wholly or in a variant: in memory, or by what was set for them. */
  readonly pinned: ReadonlySet<string>;
  /** The same as long as nothing of it, and no use, has changed. */
  readonly stamp: string;
}

export interface LiveDeps {
  readonly registry: Pick<Registry, "listPinned">;
  readonly cacheStats: () => Pick<CacheStats, "cached_models" | "pins">;
}

/** Looks at what is loaded, pinned and used. */
export class Live {
  readonly #deps: LiveDeps;
  #uses = 0;

  constructor(deps: LiveDeps) {
    this.#deps = deps;
  }

  noteUse(): void {
    this.#uses++;
  }

  now(): LiveState {
    const { cached_models, pins } = this.#deps.cacheStats();
    const loaded = new Set(cached_models.map(({ model }) => model).sort());
    const kept = this.#deps.registry.listPinned().map(({ model }) => model);
    const pinned = new Set([...kept, ...pins.map(modelOf)].sort());
    return { loaded, pinned, stamp: JSON.stringify([this.#uses, [...loaded], [...pinned]]) };
  }
}

/** Of a key as the cache writes it: `model@version:variant`. */
function modelOf(key: string): string {
  return key.slice(0, key.indexOf("@"));
}
