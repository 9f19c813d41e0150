import { join } from "node:path";
import type { CacheStats } from "../../../src/cache/index.ts";
import { LocalEvents } from "../../../src/core/index.ts";
import type { HeaderFacts } from "../../../src/library/listing/description.ts";
import type { Arrival } from "../../../src/library/listing/index.ts";
import { ModelListing } from "../../../src/library/listing/listing.ts";
import type { ListRequest, ModelPage } from "../../../src/library/index.ts";
import { openRegistry, type Registry } from "../../../src/registry/index.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { type FileSpec, versionOf } from "../../registry/fixtures.ts";

export type CachedModel = CacheStats["cached_models"][number];

/** A list over a real registry, with everything beside it in the test's hands. */
export interface ListingPlace extends AsyncDisposable {
  readonly listing: ModelListing;
  readonly registry: Registry;
  readonly path: string;
  readonly clock: FakeClock;
  readonly events: LocalEvents;
  /** Of models whose headers can be read. */
  readonly facts: Map<string, HeaderFacts>;
  /** Models whose headers are read when these resolve. */
  readonly slow: { readonly promises: Map<string, Promise<void>> };
  readonly pulls: Arrival[];
  /** Names of models that are in memory. */
  readonly loaded: Set<string>;
  readonly outside: {
    manifestsMs: number;
    isWriting: boolean;
    watched: string[];
    /** Models found in watched folders, and those that are found by the next look. */
    pending: string[];
    dropped: string[];
  };
  /** Looks at everything so far. */
  readonly looks: () => number;
  names(request?: ListRequest): Promise<string[]>;
  list(request?: ListRequest): Promise<ModelPage>;
  /** Writes a version and tells of it, as the library does. */
  put(model: string, version?: string, files?: readonly FileSpec[], createdAtS?: number): Promise<void>;
}

export async function listingPlace(seed: (path: string) => void = () => {}): Promise<ListingPlace> {
  const folder = await tempFolder();
  const path = join(folder.path, "registry.sqlite");
  await (await openRegistry({ path })).close();
  seed(path);
  const opened = await openRegistry({ path });
  let looks = 0;
  const registry: Registry = {
    ...opened,
    listedModels: (page) => {
      if (page.after === undefined) looks++;
      return opened.listedModels(page);
    },
  };
  const clock = new FakeClock(1_700_000_000_000);
  const events = new LocalEvents();
  const facts = new Map<string, HeaderFacts>();
  const slow = { promises: new Map<string, Promise<void>>() };
  const pulls: Arrival[] = [];
  const loaded = new Set<string>();
  const outside = {
    manifestsMs: 1,
    isWriting: false,
    watched: [] as string[],
    pending: [] as string[],
    dropped: [] as string[],
  };
  const listing = new ModelListing({
    ...{ registry, clock, events },
    readFacts: async ({ model }) => {
      await slow.promises.get(model);
      return facts.get(model) ?? null;
    },
    cacheStats: () => ({ cached_models: [...loaded].map((model) => ({ model }) as CachedModel), pins: [] }),
    arrivals: () => [
      ...pulls,
      ...outside.pending.map((model): Arrival => ({
        ...{ model, version: undefined, variant: "default", sinceS: 90, provider: "local" },
      })),
    ],
    modelOfPull: (id) => id,
    manifestsModifiedMs: () => outside.manifestsMs,
    isWriting: () => outside.isWriting,
    watched: {
      folders: () => outside.watched,
      pending: () => outside.pending.map((model) => ({ model })),
      lookNow: () => Promise.resolve(outside.pending.push(...outside.dropped.splice(0))),
    },
  });
  const list = (request: ListRequest = {}) => listing.list(request);
  return {
    ...{ listing, registry, path, clock, events, facts, slow, pulls, loaded, outside, list },
    looks: () => looks,
    names: async (request) => (await list(request)).models.map(({ model }) => model),
    put: async (model, version, files, createdAtS) => {
      await registry.putVersion(versionOf(model, version ?? "1", files, createdAtS));
      events.emit({ type: "version", model, version: version ?? "1" });
    },
    [Symbol.asyncDispose]: async () => {
      await listing.close();
      await opened.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** A second process writes the registry's file. */
export function writeElsewhere(path: string, sql: string): void {
  const script = `
    const { Database } = require("bun:sqlite");
    const db = new Database(${JSON.stringify(path)});
    db.run("PRAGMA busy_timeout = 5000");
    db.run(${JSON.stringify(sql)});
    db.close(true);
  `;
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "-e", script]);
  if (exitCode !== 0) throw new Error(stderr.toString());
}
