import type { CachedModel, CacheStats, FailedModel, LoadingModel } from "../../cache/types.ts";
import { formatModelRef } from "../../core/index.ts";
import { formatBytes, formatDuration, formatTime } from "../format.ts";
import { formatTable, printable } from "../table.ts";
import { addExample, type Verb } from "../verb.ts";
import { withServer } from "../with-server.ts";

const COLUMNS = [
  { title: "MODEL" },
  { title: "STATE" },
  { title: "SIZE", align: "right" },
  { title: "USES", align: "right" },
  { title: "LEASES", align: "right" },
  { title: "PINNED" },
  { title: "LAST USED" },
] as const;

export const ps: Verb = (program, cli) => {
  const command = program.command("ps").description("list the models in a running server's memory");
  addExample(command, "larder ps");
  command.action(cli.action(async (context) => {
    const stats = await withServer(context, async ({ models }) => await models.cacheStats());
    context.output.document(stats);
    context.output.lines([...models(stats), summary(stats), ...stats.failed_models.map(failure)]);
  }));
};

function models({ cached_models, leaving_models, loading_models }: CacheStats): string[] {
  const rows = [...[...cached_models, ...leaving_models].map(cached), ...loading_models.map(loading)];
  return rows.length === 0
    ? ["Nothing is loaded: models are when they are first asked for."]
    : formatTable(COLUMNS, rows);
}

function cached(model: CachedModel): string[] {
  return [
    formatModelRef(model),
    model.state,
    formatBytes(model.bytes),
    String(model.uses),
    String(model.leases),
    model.pinned ? "yes" : "",
    formatTime(model.last_used_at),
  ];
}

/** Its size is what the load is expected to need; those who wait for it will use it. */
function loading(model: LoadingModel): string[] {
  const state = `${model.state.replaceAll("_", " ")} for ${formatDuration(model.elapsed_ms / 1000)}`;
  return [
    formatModelRef(model),
    state,
    `~${formatBytes(model.estimated_bytes)}`,
    "",
    `${model.waiters} wait`,
  ];
}

function summary({ cache_size, count_max, bytes, bytes_max, policy, hit_rate }: CacheStats): string {
  return `${cache_size} of ${count_max} models, ${formatBytes(bytes)} of ${
    formatBytes(bytes_max)
  }, policy ${policy}, ` +
    `${Math.round(hit_rate * 100)} % of requests found theirs loaded`;
}

function failure({ key, reason, refused_for_s, set_aside }: FailedModel): string {
  const when = set_aside
    ? "put aside"
    : refused_for_s > 0
    ? `tried again in ${formatDuration(refused_for_s)}`
    : "failed";
  return printable(`${key} ${when}: ${reason}`);
}
