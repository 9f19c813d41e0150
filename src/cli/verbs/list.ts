import type { LarderApi, ModelSummary } from "../../library/index.ts";
import { formatBytes, formatTime, parseCount } from "../format.ts";
import { isByUse, listByUse, type UseOptions } from "../list-by-use.ts";
import { withApi } from "../session.ts";
import { formatTable } from "../table.ts";
import { addExample, type Verb } from "../verb.ts";

const PAGE = 500;
const LIMIT_MAX = 1_000_000;
const COLUMNS = [
  { title: "MODEL" },
  { title: "LATEST" },
  { title: "VERSIONS", align: "right" },
  { title: "SIZE", align: "right" },
  { title: "UPDATED" },
] as const;

interface ListOptions extends UseOptions {
  readonly limit?: string;
}

export const list: Verb = (program, cli) => {
  const command = program.command("list").description("list the models that are here")
    .argument("[text]", "part of a name")
    .option("--limit <count>", "at most so many")
    .option("--oldest", "variants by their last use, the longest ago first")
    .option("--least-used", "variants by the number of their uses, the fewest first")
    .option("--loaded", "variants in the memory of a running server");
  addExample(command, "larder list phi");
  command.action(cli.action<ListOptions>(async (context, { args: [text], options }) => {
    if (isByUse(options)) return await listByUse(context, text, options);
    const limit = options.limit === undefined ? LIMIT_MAX : parseCount(options.limit, "--limit", LIMIT_MAX);
    const found = await withApi(context, ({ api }) => collect(api, text, limit));
    context.output.document(found);
    context.output.lines(
      found.models.length > 0 ? formatTable(COLUMNS, found.models.map(row)) : [
        text === undefined ? "No models yet. `larder pull --help` shows how to get one." : "No such models.",
      ],
    );
  }));
};

/** Page after page: names order the pages, so a model that comes meanwhile is no reason to start again. */
async function collect(
  api: LarderApi,
  q: string | undefined,
  limit: number,
): Promise<{ models: ModelSummary[]; total: number }> {
  const models: ModelSummary[] = [];
  let total = 0;
  let cursor: string | null | undefined;
  do {
    const page = await api.list({
      limit: Math.min(PAGE, limit - models.length),
      ...(q === undefined ? {} : { q }),
      ...(cursor ? { cursor } : {}),
    });
    models.push(...page.models);
    total = page.total;
    cursor = page.next_cursor;
  } while (cursor && models.length < limit);
  return { models, total };
}

function row(model: ModelSummary): string[] {
  return [
    model.model,
    model.latest,
    String(model.version_count),
    formatBytes(model.size_bytes),
    formatTime(model.updated_at),
  ];
}
