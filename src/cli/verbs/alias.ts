import type { Command } from "commander";
import { parseModelName } from "../../core/index.ts";
import { withApi } from "../session.ts";
import { formatTable } from "../table.ts";
import { addExample, type Cli, type Verb } from "../verb.ts";

export const alias: Verb = (program, cli) => {
  const command = program.command("alias").description("names that move between versions");
  addExample(command, "larder alias set iris stable 1.2.0", "larder alias remove iris stable");
  addSet(command, cli);
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

function addRemove(parent: Command, cli: Cli): void {
  const command = parent.command("remove").description("remove an alias; the version stays")
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
