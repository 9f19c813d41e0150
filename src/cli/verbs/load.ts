import { formatModelRef, parseModelRef } from "../../core/index.ts";
import { noteFallback } from "../fallback-note.ts";
import { untilLoaded } from "../until-loaded.ts";
import { addExample, type Verb } from "../verb.ts";
import { withServer } from "../with-server.ts";

export const load: Verb = (program, cli) => {
  const command = program.command("load").description(
    "load a model into a running server's memory, and wait for it",
  )
    .argument("<reference>", "model[@version-or-alias][:variant]");
  addExample(command, "larder load iris");
  command.action(cli.action(async (context, { args: [reference = ""] }) => {
    const target = parseModelRef(reference);
    const by = await withServer(
      context,
      ({ models }) =>
        untilLoaded(context, `load ${target.model}`, (signal) => models.load(target, { signal })),
    );
    context.output.document(by);
    context.output.line(`Loaded ${formatModelRef(by)}`);
    noteFallback(context.output, by);
  }));
};

export const unload: Verb = (program, cli) => {
  const command = program.command("unload").description(
    "take a model out of a running server's memory; running requests finish",
  )
    .argument("<reference>", "model[@version-or-alias][:variant]");
  addExample(command, "larder unload iris");
  command.action(cli.action(async (context, { args: [reference = ""] }) => {
    const target = parseModelRef(reference);
    const evicted = await withServer(context, ({ models }) => models.unload(target));
    context.output.document({ ...target, evicted });
    context.output.line(
      evicted ? `Unloaded ${formatModelRef(target)}` : `${formatModelRef(target)} was not loaded`,
    );
  }));
};
