import { type Command, Option } from "commander";
import { BEST, type BestMetric, parseModelName } from "../../core/index.ts";
import type { BestView } from "../../library/index.ts";
import { withApi } from "../session.ts";
import { formatTable } from "../table.ts";
import { addExample, type Cli, type Verb } from "../verb.ts";

export const alias: Verb = (program, cli) => {
  const command = program.command("alias").description("names that move between versions");
  addExample(command, "larder alias set iris stable 1.2.0", "larder alias remove iris stable");
  addSet(command, cli);
  addBest(command, cli);
  addRemove(command, cli);
  addList(command, cli);
};

function addSet(parent: Command, cli: Cli): void {
  const command = parent.command("set").description("let an alias stand for a version")
    .argument("<model>").argument("<alias>").argument(
      "<version>",
      "a version, or another alias as it stands now",
    );
  addExample(command, "larder alias set iris stable 1.2.0");
  command.action(cli.action(async (context, { args: [model = "", name = "", version = ""] }) => {
    const set = await withApi(context, ({ api }) => api.setAlias(parseModelName(model), name, version));
    context.output.document(set);
    context.output.line(`${set.model}@${set.alias} → ${set.version}`);
  }));
}

function addBest(parent: Command, cli: Cli): void {
  const command = parent.command(BEST).description(
    "say by which metric the version is chosen that best stands for",
  )
    .argument("<model>").argument("<metric>", "as given with `larder import --metric`")
    .addOption(
      new Option("--better <side>", "of a metric of your own: higher or lower is better").choices([
        "higher",
        "lower",
      ]),
    );
  addExample(command, "larder alias best iris log_loss", "larder alias best iris latency_ms --better lower");
  command.action(
    cli.action<{ better?: BestMetric["better"] }>(
      async (context, { args: [model = "", metric = ""], options }) => {
        const wanted = { metric, ...(options.better === undefined ? {} : { better: options.better }) };
        const best = await withApi(context, ({ api }) => api.setBestMetric(parseModelName(model), wanted));
        context.output.document(best);
        context.output.line(describeBest(best, metric));
      },
    ),
  );
}

function describeBest({ model, version }: BestView, metric: string): string {
  if (version === null) return `${model}@${BEST} → nothing: no version has ${metric}`;
  return `${model}@${BEST} → ${version} (by ${metric})`;
}

function addRemove(parent: Command, cli: Cli): void {
  const command = parent.command("remove").description(
    "remove an alias; the version stays. Of best only what it goes by",
  )
    .argument("<model>").argument("<alias>");
  addExample(command, "larder alias remove iris stable");
  command.action(cli.action(async (context, { args: [model = "", name = ""] }) => {
    await withApi(context, ({ api }) => api.removeAlias(parseModelName(model), name));
    context.output.document({ model, alias: name, removed: true });
    context.output.line(`Removed alias ${name} of ${model}`);
  }));
}

function addList(parent: Command, cli: Cli): void {
  const command = parent.command("list").description("list the aliases of a model").argument("<model>");
  addExample(command, "larder alias list iris");
  command.action(cli.action(async (context, { args: [model = ""] }) => {
    const { aliases } = await withApi(context, ({ api }) => api.describe(parseModelName(model)));
    context.output.document({ model, aliases });
    context.output.lines(formatTable([{ title: "ALIAS" }, { title: "VERSION" }], Object.entries(aliases)));
  }));
}
