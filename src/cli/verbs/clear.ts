import { LarderError } from "../../core/index.ts";
import type { ClearResult } from "../../library/index.ts";
import { followJob } from "../follow-job.ts";
import { formatBytes, plural } from "../format.ts";
import { withApi } from "../session.ts";
import { printable } from "../table.ts";
import { addExample, type Verb } from "../verb.ts";

interface ClearOptions {
  readonly yes?: boolean;
}

export const clear: Verb = (program, cli) => {
  const command = program.command("clear")
    .description("remove every model; those that are being pulled stay")
    .option("--yes", "really remove everything");
  addExample(command, "larder clear --yes");
  command.action(cli.action<ClearOptions>(async (context, { options }) => {
    if (options.yes !== true) throw notConfirmed();
    const job = await withApi(
      context,
      async (session) =>
        await followJob(context, session, await session.api.catalog.clear({ confirm: true })),
    );
    const { models, versions, bytes_freed, left_out } = job.result as ClearResult;
    context.output.line(
      `Removed ${plural(models, "model")} with ${plural(versions, "version")}, ${formatBytes(bytes_freed)}`,
    );
    for (const { model, reason } of left_out) context.output.line(printable(`Left out ${model}: ${reason}`));
  }));
};

function notConfirmed(): LarderError {
  return new LarderError("USAGE", "Cannot remove all models: not confirmed", {
    hint: "Give --yes. What is removed can only be pulled or imported again.",
  });
}
