import { type Clock, systemClock } from "../../src/core/index.ts";
import {
  createHubClient,
  defaultVariant,
  findVariants,
  type HubClient,
  type HubClientOptions,
  type ModelFacts,
  readFacts,
} from "../../src/hub/index.ts";
import type { Hub, HubContent } from "../helpers/hub.ts";
import { localClient } from "../net/client.ts";

export const TINY = { kind: "model", id: "acme/tiny" } as const;
export const UNKNOWN: ModelFacts = { architecture: null, parameters: null, contextLength: null };

/** A client that asks each endpoint once, unless a test says otherwise. */
export function clientOf(endpoints: readonly string[], options: Partial<HubClientOptions> = {}): HubClient {
  return createHubClient({ net: localClient(), endpoints, tries: 1, ...options });
}

/** Time that notes how long was waited between tries and does not wait; what guards a stall is left as it is. */
export function hastyClock(): Clock & { readonly waits: number[] } {
  const waits: number[] = [];
  return {
    ...systemClock,
    waits,
    sleep(ms, signal) {
      if (ms >= 29_000) return systemClock.sleep(ms, signal);
      waits.push(ms);
      return Promise.resolve();
    },
  };
}

/** The facts of the default variant of a repository that has these files and no others. The requests for the listing are forgotten. */
export async function factsAt(hub: Hub, files: Readonly<Record<string, HubContent>>): Promise<ModelFacts> {
  const repo = { kind: "model", id: "acme/facts" } as const;
  hub.repository(repo).commit(files);
  const client = clientOf([hub.endpoint]);
  const listing = await client.scan(repo);
  hub.reset();
  return await readFacts(client, listing, defaultVariant(findVariants(listing.files).variants));
}
