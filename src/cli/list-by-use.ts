import { formatModelRef, LarderError } from "../core/index.ts";
import type { Catalog, UseView } from "../library/index.ts";
import type { VerbContext } from "./cli-types.ts";
import { formatBytes, formatTime, parseCount } from "./format.ts";
import { withApi } from "./session.ts";
import { formatTable } from "./table.ts";

const LIMIT_DEFAULT = 50;
/** More is not answered at once. */
const LIMIT_MAX = 1000;
const COLUMNS = [
  { title: "MODEL" },
  { title: "USES", align: "right" },
  { title: "LAST USED" },
  { title: "LOAD", align: "right" },
  { title: "SIZE", align: "right" },
  { title: "IN MEMORY", align: "right" },
] as const;

export interface UseOptions {
  readonly oldest?: boolean;
  readonly leastUsed?: boolean;
  readonly loaded?: boolean;
  readonly limit?: string;
}

/** Whether the listing is asked for by use, not by name. */
export function isByUse({ oldest, leastUsed, loaded }: UseOptions): boolean {
  return [oldest, leastUsed, loaded].includes(true);
}

/** @throws {LarderError} USAGE when more than one order, or a part of a name, is given. */
export async function listByUse(
  context: VerbContext,
  text: string | undefined,
  options: UseOptions,
): Promise<void> {
  refuseMixed(text, options);
  const { limit: given } = options;
  const limit = given === undefined ? LIMIT_DEFAULT : parseCount(given, "--limit", LIMIT_MAX);
  const variants = await withApi(context, ({ api: { catalog } }) => ask(catalog, options, limit));
  context.output.document({ variants });
  context.output.lines(
    variants.length > 0
      ? formatTable(COLUMNS, variants.map(row))
      : [options.loaded === true ? "Nothing is loaded." : "No models yet."],
  );
}

function ask(catalog: Catalog, { oldest, leastUsed }: UseOptions, limit: number): Promise<UseView[]> {
  if (oldest === true) return catalog.oldest(limit);
  return leastUsed === true ? catalog.leastUsed(limit) : catalog.cached({ where: "memory", limit });
}

function refuseMixed(text: string | undefined, { oldest, leastUsed, loaded }: UseOptions): void {
  const orders = [oldest, leastUsed, loaded].filter((given) => given === true).length;
  if (orders < 2 && text === undefined) return;
  throw new LarderError("USAGE", "Cannot list by use and by something else at once", {
    hint: "Give one of --oldest, --least-used and --loaded, without a part of a name.",
  });
}

function row(use: UseView): string[] {
  return [
    formatModelRef(use),
    String(use.access_count),
    use.last_used_at === null ? "never" : formatTime(use.last_used_at),
    use.load_ms === null ? "" : `${Math.round(use.load_ms)} ms`,
    formatBytes(use.size_bytes),
    use.memory_bytes === null ? "" : formatBytes(use.memory_bytes),
  ];
}
