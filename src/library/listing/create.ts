import type { CacheStats } from "../../cache/index.ts";
import { type Clock, DEFAULT_VARIANT, type Events, isLarderError } from "../../core/index.ts";
import type { Registry } from "../../registry/index.ts";
import type { Runtimes } from "../../runtimes/index.ts";
import type { BlobStore } from "../../store/index.ts";
import type { Pulls } from "../pulls.ts";
import type { VersionWriter } from "../version-writer.ts";
import type { Arrival } from "./description.ts";
import { readHeaderFacts } from "./header-facts.ts";
import { ModelListing } from "./listing.ts";
import type { WatchedFiles } from "./outside.ts";

export interface ListingParts {
  readonly registry: Registry;
  readonly store: Pick<BlobStore, "blobPath" | "manifestsModifiedMs">;
  readonly runtimes: Pick<Runtimes, "inspect">;
  readonly pulls: Pick<Pulls, "arrivals" | "get">;
  readonly versions: Pick<VersionWriter, "isWriting">;
  readonly events: Events;
  readonly clock: Clock;
  readonly preferred: (model: string, version: string) => string | undefined;
  readonly cacheStats: () => Pick<CacheStats, "cached_models" | "pins">;
  readonly watched: WatchedFiles;
}

/** The list of all models. Close it before the registry. */
export function createListing(parts: ListingParts): ModelListing {
  const { registry, store, pulls, versions, events, clock, cacheStats, watched } = parts;
  return new ModelListing({
    ...{ registry, events, clock, cacheStats, watched },
    readFacts: (description) => readHeaderFacts(parts, description),
    arrivals: () => [
      ...pulls.arrivals(),
      ...watched.pending().map(({ model }) => dropped(model, clock.nowS())),
    ],
    modelOfPull: (id) => modelOfPull(pulls, id),
    manifestsModifiedMs: () => store.manifestsModifiedMs(),
    isWriting: () => versions.isWriting,
  });
}

/** What a user dropped in a watched folder. */
function dropped(model: string, sinceS: number): Arrival {
  return { model, version: undefined, variant: DEFAULT_VARIANT, sinceS, provider: "local" };
}

function modelOfPull(pulls: Pick<Pulls, "get">, id: string): string | undefined {
  try {
    return pulls.get(id).model;
  } catch (error) {
    if (!isLarderError(error, "PULL_NOT_FOUND")) throw error;
    return undefined;
  }
}
