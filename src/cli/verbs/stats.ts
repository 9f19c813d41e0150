import type { CacheStats } from "../../cache/types.ts";
import type { ListingCacheInfo, UsageView } from "../../library/index.ts";
import { formatBytes, plural } from "../format.ts";
import { withApi } from "../session.ts";
import { formatPairs } from "../table.ts";
import { addExample, type Verb } from "../verb.ts";

export const stats: Verb = (program, cli) => {
  const command = program.command("stats").description(
    "show what is here, what it takes, and how it is used",
  );
  addExample(command, "larder stats");
  command.action(cli.action(async (context) => {
    const { usage, cache, listing } = await withApi(context, async ({ api, owned }) => ({
      usage: await api.catalog.usage(),
      // The memory of this process says nothing: it ends with the verb.
      cache: owned ? null : await api.models.cacheStats(),
      listing: owned ? null : await api.listing.cacheInfo(),
    }));
    context.output.document({ usage, cache, listing });
    context.output.lines(formatPairs([
      ...onDisk(usage),
      ...cache === null ? [] : inMemory(cache),
      ...listing === null ? [] : [["listings", listings(listing)] as const],
    ]));
  }));
};

type Pairs = ReadonlyArray<readonly [label: string, value: string]>;

function onDisk(
  { total_bytes, models, versions, blobs, budget_bytes, usage_percent, disk }: UsageView,
): Pairs {
  const budget = budget_bytes === null ? "none" : `${usage_percent} % of ${formatBytes(budget_bytes)}`;
  return [
    ["models", `${models} in ${plural(versions, "version")}`],
    ["size", `${formatBytes(total_bytes)} in ${plural(blobs, "blob")}`],
    ["disk budget", budget],
    [
      "disk",
      disk === null ? "unknown" : `${formatBytes(disk.free_bytes)} of ${formatBytes(disk.total_bytes)} free`,
    ],
  ];
}

function inMemory(
  { cache_size, count_max, bytes, bytes_max, hits, misses, hit_rate, ...cache }: CacheStats,
): Pairs {
  return [
    ["in memory", `${cache_size} of ${count_max} models, ${formatBytes(bytes)} of ${formatBytes(bytes_max)}`],
    ["found loaded", `${Math.round(hit_rate * 100)} % of ${plural(hits + misses, "request")}`],
    [
      "loads",
      `${cache.total_loads}, ${cache.failed_loads} failed, mean ${Math.round(cache.load_ms.mean)} ms`,
    ],
    ["evictions", String(cache.evictions)],
  ];
}

function listings({ api_cache: { hits, misses, hit_rate } }: ListingCacheInfo): string {
  return `${Math.round(hit_rate * 100)} % of ${plural(hits + misses, "request")} answered as before`;
}
