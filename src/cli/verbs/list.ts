import { Option } from "commander";
import {
  CAPABILITIES,
  type LarderApi,
  LISTED_STATUSES,
  type ListRequest,
  type ModelSummary,
  PROVIDERS,
  SORTS,
} from "../../library/index.ts";
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
  { title: "STATUS" },
  { title: "UPDATED" },
] as const;

type Filter = Pick<ListRequest, "provider" | "status" | "capability" | "sort" | "quick">;

interface ListOptions extends UseOptions, Filter {
  readonly limit?: string;
}

export const list: Verb = (program, cli) => {
  const command = program.command("list").description("list the models that are here")
    .argument("[text]", "part of a name")
    .option("--limit <count>", "at most so many")
    .addOption(new Option("--provider <provider>", "only those from there").choices(PROVIDERS))
    .addOption(
      new Option("--status <status>", "only those (default: all but available)").choices(LISTED_STATUSES),
    )
    .addOption(new Option("--capability <capability>", "only those that can do this").choices(CAPABILITIES))
    .addOption(
      new Option("--sort <order>", "with - before it the largest first (default: name)").choices(SORTS),
    )
    .option("--quick", "without what only the headers of files tell")
    .option("--oldest", "variants by their last use, the longest ago first")
    .option("--least-used", "variants by the number of their uses, the fewest first")
    .option("--loaded", "variants in the memory of a running server");
  addExample(command, "larder list phi --capability chat --sort -size_bytes");
  command.action(cli.action<ListOptions>(async (context, { args: [text], options }) => {
    if (isByUse(options)) return await listByUse(context, text, options);
    const limit = options.limit === undefined ? LIMIT_MAX : parseCount(options.limit, "--limit", LIMIT_MAX);
    const filter = { ...filterOf(options), ...(text === undefined ? {} : { q: text }) };
    const found = await withApi(context, ({ api }) => collect(api, filter, limit));
    context.output.document(found);
    context.output.lines(
      found.models.length > 0 ? formatTable(COLUMNS, found.models.map(row)) : [
        Object.keys(filter).length === 0
          ? "No models yet. `larder pull --help` shows how to get one."
          : "No such models.",
      ],
    );
  }));
};

function filterOf({ provider, status, capability, sort, quick }: ListOptions): Filter {
  const given = Object.entries({ provider, status, capability, sort, quick });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

/** Page after page: a cursor says where the page before ended, so a model that comes meanwhile is no reason to start again. */
async function collect(
  api: LarderApi,
  filter: ListRequest,
  limit: number,
): Promise<{ models: ModelSummary[]; total: number }> {
  const models: ModelSummary[] = [];
  let total = 0;
  let cursor: string | null | undefined;
  do {
    const page = await api.list({
      ...filter,
      limit: Math.min(PAGE, limit - models.length),
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
    model.latest ?? "",
    String(model.version_count),
    formatBytes(model.size_bytes),
    model.status,
    formatTime(model.updated_at),
  ];
}
