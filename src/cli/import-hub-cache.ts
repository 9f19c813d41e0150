import { resolve } from "node:path";
import { parseModelName } from "../core/index.ts";
import type { HubCacheImportRequest, HubCacheImportView } from "../library/index.ts";
import type { VerbContext } from "./cli-types.ts";
import { EXIT_OF } from "./exit-codes.ts";
import { followJob } from "./follow-job.ts";
import { formatBytes, plural } from "./format.ts";
import { withHint } from "./report-error.ts";
import { withApi } from "./session.ts";
import { printable } from "./table.ts";

export interface HubCacheOptions {
  /** True without a folder. */
  readonly hfCache?: string | true;
  readonly model?: readonly string[];
  readonly mode: NonNullable<HubCacheImportRequest["mode"]>;
}

/**
 * Takes in what the hub's own tools have in their cache.
 *
 * @returns The exit code: that of the first thing that was left out, so that nobody removes a cache which is needed.
 */
export async function importHubCache(context: VerbContext, options: HubCacheOptions): Promise<number> {
  const { config, cwd, output } = context;
  const { hfCache, model, mode } = options;
  const path = typeof hfCache === "string" ? resolve(cwd, hfCache) : config.hubToolsCachePath;
  const request = { path, mode, ...(model === undefined ? {} : { models: model.map(parseModelName) }) };
  const job = await withApi(
    context,
    async (session) => await followJob(context, session, await session.api.importHubCache(request)),
  );
  const { imported, skipped } = job.result as HubCacheImportView;
  output.lines(imported.map(summary));
  for (const { model: name, path: place, error } of skipped) {
    const { message, hint } = withHint(error);
    output.note(`Left out ${name}, ${place}: ${message}${hint === undefined ? "" : ` ${hint}`}`);
  }
  if (imported.length + skipped.length === 0) output.line(printable(`Nothing to import in ${path}`));
  return skipped[0] === undefined ? 0 : EXIT_OF[skipped[0].error.code];
}

function summary(
  { model, version, variants, files, size_bytes, modes }: HubCacheImportView["imported"][number],
): string {
  const ways = Object.entries(modes).filter(([, count]) => count > 0).map(([mode, count]) =>
    `${count} ${mode}`
  );
  const what = `${plural(files, "file")}, ${formatBytes(size_bytes)} (${ways.join(", ")})`;
  return printable(`${model}@${version}  ${what}  ${variants.join(", ")}`.trimEnd());
}
