import type { RepairResult } from "../../library/index.ts";
import { EXIT_OF } from "../exit-codes.ts";
import { followJob } from "../follow-job.ts";
import { formatBytes, plural } from "../format.ts";
import { withHint } from "../report-error.ts";
import { withApi } from "../session.ts";
import { addExample, addSettings, type Verb } from "../verb.ts";
import type { VerbContext } from "../cli-types.ts";
import { targetsOf } from "./verify.ts";

export const repair: Verb = (program, cli) => {
  const command = program.command("repair")
    .description("fetch damaged chunks and missing blobs again from where they came")
    .argument("[target...]", "references or digests; without any, everything that is known to be bad");
  addSettings(command, ["allowOrigins"]);
  addExample(command, "larder repair iris@1.2.0");
  command.action(cli.action(async (context, { args }) => {
    const job = await withApi(
      context,
      async (session) => await followJob(context, session, await session.api.repair(targetsOf(args))),
    );
    return report(context, job.result as RepairResult);
  }));
};

/** The exit code is that of the first blob which could not be repaired. */
function report({ output }: VerbContext, { repaired, failed }: RepairResult): number {
  output.lines(
    repaired.map(({ sha256, chunks_fetched, bytes_fetched }) =>
      `${sha256}  repaired, ${plural(chunks_fetched, "chunk")}, ${formatBytes(bytes_fetched)} fetched`
    ),
  );
  for (const { sha256, error } of failed) {
    const { message, hint } = withHint(error);
    output.note(`${sha256}: ${message}${hint === undefined ? "" : ` ${hint}`}`);
  }
  if (repaired.length + failed.length === 0) output.line("Nothing to repair");
  return failed[0] === undefined ? 0 : EXIT_OF[failed[0].error.code];
}
