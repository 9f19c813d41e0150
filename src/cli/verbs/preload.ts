import { type Command, Option } from "commander";
import { formatModelRef, parseModelRef } from "../../core/index.ts";
import {
  type PreloadConfig,
  type PreloadEntry,
  type PreloadResult,
  type PreloadView,
  STRATEGIES,
} from "../../preload/index.ts";
import { formatDuration, plural, usage } from "../format.ts";
import { withApi } from "../session.ts";
import { formatPairs, formatTable, printable } from "../table.ts";
import { addExample, type Cli, type Verb } from "../verb.ts";
import { withServer } from "../with-server.ts";

const COLUMNS = [
  { title: "MODEL" },
  { title: "PRIORITY", align: "right" },
  { title: "STATE" },
  { title: "WHY" },
] as const;

export const preload: Verb = (program, cli) => {
  const command = program.command("preload").description(
    "load models before anybody asks for them; a server works through the queue",
  );
  addExample(
    command,
    "larder preload add iris",
    "larder preload list",
    "larder preload config --strategy pattern",
  );
  addAdd(command, cli);
  addList(command, cli);
  addRemove(command, cli);
  addClear(command, cli);
  addNow(command, cli);
  addConfig(command, cli);
  addStats(command, cli);
};

function addAdd(parent: Command, cli: Cli): void {
  const command = parent.command("add").description("put models into the queue; also without a server")
    .argument("<references...>", "model[@version-or-alias][:variant]")
    .option("--priority <number>", "larger comes first, before the strategy is asked (default: 0)");
  addExample(command, "larder preload add iris acme/tiny:q4", "larder preload add iris --priority 10");
  command.action(cli.action<{ priority?: string }>(async (context, { args, options }) => {
    const [references] = args as unknown as [string[]];
    const priority = options.priority === undefined ? 0 : wholeNumber(options.priority, "--priority");
    const requests = references.map((reference) => ({ ...parseModelRef(reference), priority }));
    const added = await withApi(context, ({ api }) => api.preload.add(requests));
    context.output.document({ added });
    context.output.lines(added.map((reference) => `Queued ${reference}`));
  }));
}

function addList(parent: Command, cli: Cli): void {
  const command = parent.command("list", { isDefault: true }).description(
    "list the queue, the next one first",
  );
  addExample(command, "larder preload list");
  command.action(cli.action(async (context) => {
    const view = await withApi(context, ({ api }) => api.preload.list());
    context.output.document(view);
    context.output.lines([...table(view), summary(view)]);
  }));
}

function addRemove(parent: Command, cli: Cli): void {
  const command = parent.command("remove").description("take a model out of the queue")
    .argument("<reference>", "as it was added");
  addExample(command, "larder preload remove iris");
  command.action(cli.action(async (context, { args: [text = ""] }) => {
    const reference = formatModelRef(parseModelRef(text));
    const removed = await withApi(context, ({ api }) => api.preload.remove(reference));
    context.output.document({ removed });
    context.output.line(
      removed === 0 ? `${reference} was not in the queue` : `Removed ${reference} from the queue`,
    );
  }));
}

function addClear(parent: Command, cli: Cli): void {
  const command = parent.command("clear").description("empty the queue");
  addExample(command, "larder preload clear");
  command.action(cli.action(async (context) => {
    const removed = await withApi(context, ({ api }) => api.preload.remove());
    context.output.document({ removed });
    context.output.line(`Removed ${plural(removed, "model")} from the queue`);
  }));
}

function addNow(parent: Command, cli: Cli): void {
  const command = parent.command("now").description("have a running server go through the whole queue now");
  addExample(command, "larder preload now");
  command.action(cli.action(async (context) => {
    const results = await withServer(context, (api) => api.preload.process(context.signal));
    context.output.document({ results });
    context.output.lines(results.length === 0 ? ["The queue is empty."] : results.map(resultLine));
  }));
}

interface ConfigOptions {
  readonly enabled?: string;
  readonly strategy?: PreloadConfig["strategy"];
  readonly batchSize?: string;
  readonly delay?: string;
}

function addConfig(parent: Command, cli: Cli): void {
  const command = parent.command("config").description("show or change how models are preloaded")
    .addOption(
      new Option("--enabled <value>", "whether a server does it by itself").choices(["true", "false"]),
    )
    .addOption(new Option("--strategy <name>", "what comes first").choices(STRATEGIES))
    .option("--batch-size <count>", "models that are loaded at once")
    .option("--delay <milliseconds>", "pause between two batches");
  addExample(command, "larder preload config --strategy frequency --delay 500");
  command.action(cli.action<ConfigOptions>(async (context, { options }) => {
    const changes = changesOf(options);
    const config = await withApi(
      context,
      async ({ api }) =>
        Object.keys(changes).length === 0
          ? (await api.preload.list()).config
          : await api.preload.configure(changes),
    );
    context.output.document(config);
    context.output.lines(formatPairs([
      ["enabled", config.enabled ? "yes" : "no"],
      ["strategy", config.strategy],
      ["batch size", String(config.batch_size)],
      ["delay", `${config.delay_ms} ms`],
    ]));
  }));
}

function addStats(parent: Command, cli: Cli): void {
  const command = parent.command("stats").description("show what became of models that were preloaded");
  addExample(command, "larder preload stats");
  command.action(cli.action(async (context) => {
    const stats = await withApi(context, ({ api }) => api.preload.stats());
    context.output.document(stats);
    context.output.lines(formatPairs([
      ["loaded", String(stats.successful)],
      ["failed", String(stats.failed)],
      ["skipped", String(stats.skipped)],
      ["success rate", `${Math.round(stats.success_rate * 100)} %`],
      ["time", formatDuration(stats.total_time_ms / 1000)],
      ["each", `${Math.round(stats.avg_time_ms)} ms`],
    ]));
  }));
}

function changesOf({ enabled, strategy, batchSize, delay }: ConfigOptions): Partial<PreloadConfig> {
  return {
    ...(enabled === undefined ? {} : { enabled: enabled === "true" }),
    ...(strategy === undefined ? {} : { strategy }),
    ...(batchSize === undefined ? {} : { batch_size: wholeNumber(batchSize, "--batch-size") }),
    ...(delay === undefined ? {} : { delay_ms: wholeNumber(delay, "--delay") }),
  };
}

function wholeNumber(text: string, option: string): number {
  if (/^-?\d{1,9}$/.test(text)) return Number(text);
  throw usage(option, text, "a whole number");
}

function table({ queue }: PreloadView): string[] {
  return queue.length === 0 ? ["The queue is empty."] : formatTable(COLUMNS, queue.map(row));
}

function row({ reference, priority, state, reason, skipped }: PreloadEntry): string[] {
  return [reference, priority.toFixed(3), state, skipped === null ? reason : `${reason}; ${skipped}`];
}

function summary({ state, config }: PreloadView): string {
  const how = `strategy ${config.strategy}, ${config.batch_size} at once, ${config.delay_ms} ms between`;
  return config.enabled ? `${state}, ${how}` : `not enabled, ${how}`;
}

function resultLine({ reference, outcome, reason, load_ms }: PreloadResult): string {
  const how = outcome === "loaded" ? `in ${load_ms} ms` : `: ${reason}`;
  return printable(`${reference} ${outcome.replaceAll("_", " ")}${outcome === "loaded" ? " " : ""}${how}`);
}
