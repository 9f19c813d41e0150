import { formatModelRef, LarderError, parsePercentage, type Share } from "../../core/index.ts";
import type { DiskBudgetApi, DiskBudgetView, DiskExplanation, DiskPolicy } from "../../library/index.ts";
import { formatBytes, parseSize } from "../format.ts";
import { withApi } from "../session.ts";
import { formatPairs, formatTable } from "../table.ts";
import { addExample, type Verb } from "../verb.ts";
import { withServer } from "../with-server.ts";

const POLICIES: readonly DiskPolicy[] = ["oldest", "least_used", "largest", "cost"];
const COLUMNS = [{ title: "MODEL" }, { title: "SIZE", align: "right" }, { title: "" }] as const;

interface BudgetOptions {
  readonly max?: string;
  readonly freeMin?: string;
  readonly policy?: string;
}

export const budget: Verb = (program, cli) => {
  const command = program.command("budget")
    .description(
      "show what models may take of the disk and who would leave it, or change that of a running server",
    )
    .option("--max <size>", "most of the disk, such as 50GB or 80%; 0 sets no budget")
    .option("--free-min <size>", "what stays free of the disk, such as 5GB or 10%")
    .option("--policy <name>", `who leaves first: ${POLICIES.join(", ")}`);
  addExample(command, "larder budget --max 80% --policy least_used");
  command.action(cli.action<BudgetOptions>(async (context, { options }) => {
    const changes = changesOf(options);
    // Changed limits are those of a process; without a server they would end with this one.
    const isChange = Object.keys(changes).length > 0;
    if (isChange) await withServer(context, ({ budget }) => budget.setSettings(changes));
    const { settings, explanation } = await withApi(context, ({ api }) => look(api.budget));
    context.output.document({ ...settings, ...explanation });
    context.output.lines([...formatPairs(summary(explanation)), ...table(explanation)]);
  }));
};

async function look(
  budget: DiskBudgetApi,
): Promise<{ readonly settings: DiskBudgetView; readonly explanation: DiskExplanation }> {
  return { settings: await budget.getSettings(), explanation: await budget.explain() };
}

function summary(disk: DiskExplanation): Array<readonly [string, string]> {
  return [
    ["budget", disk.budget_bytes === null ? "none" : formatBytes(disk.budget_bytes)],
    ["used", formatBytes(disk.used_bytes)],
    ["reserved", formatBytes(disk.reserved_bytes)],
    ["free", `${formatBytes(disk.free_bytes)}, of which ${formatBytes(disk.free_min_bytes)} stay free`],
    ["policy", disk.policy],
  ];
}

function table({ victims, next, kept }: DiskExplanation): string[] {
  const rows = [
    ...victims.map(({ bytes, reason, ...variant }) => [variant, bytes, `has to go: ${reason}`] as const),
    ...next.map(({ size_bytes, reason, ...variant }) =>
      [variant, size_bytes, `goes next: ${reason}`] as const
    ),
    ...kept.map(({ size_bytes, reason, ...variant }) => [variant, size_bytes, `stays: ${reason}`] as const),
  ];
  if (rows.length === 0) return [];
  return formatTable(
    COLUMNS,
    rows.map(([variant, bytes, why]) => [formatModelRef(variant), formatBytes(bytes), why]),
  );
}

function changesOf({ max, freeMin, policy }: BudgetOptions): Partial<DiskBudgetView> {
  return {
    ...(max === undefined ? {} : { bytes_max: parseShare(max, "--max") }),
    ...(freeMin === undefined ? {} : { free_min: parseShare(freeMin, "--free-min") }),
    ...(policy === undefined ? {} : { policy: parsePolicy(policy) }),
  };
}

function parseShare(text: string, flag: string): Share {
  return parsePercentage(text) ?? parseSize(text, flag);
}

function parsePolicy(text: string): DiskPolicy {
  const policy = POLICIES.find((name) => name === text);
  if (policy !== undefined) return policy;
  throw new LarderError("USAGE", `Cannot use ${JSON.stringify(text)} for --policy`, {
    field: "--policy",
    hint: `Give one of ${POLICIES.join(", ")}.`,
  });
}
