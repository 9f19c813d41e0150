import type { Command } from "commander";
import { formatModelRef, parseModelRef } from "../../core/index.ts";
import { withApi } from "../session.ts";
import { addExample, type Cli, type Verb } from "../verb.ts";

export const pin: Verb = (program, cli) => {
  addPin(program, cli, {
    name: "pin",
    pinned: true,
    description: "keep a model on disk, and in memory once it is loaded; also after a restart",
  });
};

export const unpin: Verb = (program, cli) => {
  addPin(program, cli, {
    name: "unpin",
    pinned: false,
    description: "let a model leave the memory and the disk again",
  });
};

interface PinVerb {
  readonly name: string;
  readonly pinned: boolean;
  readonly description: string;
}

function addPin(program: Command, cli: Cli, { name, pinned, description }: PinVerb): void {
  const command = program.command(name).description(description)
    .argument("<reference>", "model[@version-or-alias][:variant]");
  addExample(command, `larder ${name} iris`);
  command.action(cli.action(async (context, { args: [reference = ""] }) => {
    const target = parseModelRef(reference);
    const by = await withApi(context, ({ api }) => api.models.setPinned(target, pinned));
    context.output.document({ ...by, pinned });
    context.output.line(`${pinned ? "Pinned" : "Unpinned"} ${formatModelRef(by)}`);
  }));
}
