import { type Command, Option } from "commander";
import type { LostBlobView, ScrubApi, ScrubChanges, ScrubReport } from "../../library/index.ts";
import type { VerbContext } from "../cli-types.ts";
import { formatBytes, formatRate, formatTime, parseSize, plural } from "../format.ts";
import { formatPairs, printable } from "../table.ts";
import { addExample, type Cli, type Verb } from "../verb.ts";
import { withServer } from "../with-server.ts";

interface ScrubOptions {
  readonly rate?: string;
  readonly hours?: string;
}

export const scrub: Verb = (program, cli) => {
  const command = program.command("scrub")
    .description("how a running server reads its blobs through, a little at a time, to find damage");
  addExample(command, "larder scrub", "larder scrub set --rate 50MiB --hours 22-6", "larder scrub pause");
  command.action(cli.action((context) => answer(context, (api) => api.report())));
  addSet(command, cli);
  addVerb(command, cli, "run", "begin a pass through everything now", (api) => api.run());
  addVerb(
    command,
    cli,
    "pause",
    "read nothing until it is resumed",
    (api) => api.configure({ paused: true }),
  );
  addVerb(command, cli, "resume", "go on where it was", (api) => api.configure({ paused: false }));
};

function addSet(parent: Command, cli: Cli): void {
  const command = parent.command("set").description("change rate and hours until the server stops")
    .addOption(new Option("--rate <bytes>", "bytes per second, such as 50MiB; 0 switches it off"))
    .addOption(new Option("--hours <hours>", 'local hours such as 1-5 or 22-6; "" for all day'));
  addExample(command, "larder scrub set --rate 50MiB --hours 22-6");
  command.action(cli.action<ScrubOptions>((context, { options: { rate, hours } }) => {
    const changes: ScrubChanges = {
      ...(rate === undefined ? {} : { rate_bytes_per_s: parseSize(rate, "--rate") }),
      ...(hours === undefined ? {} : { hours }),
    };
    return answer(context, (api) => api.configure(changes));
  }));
}

function addVerb(
  parent: Command,
  cli: Cli,
  name: string,
  description: string,
  ask: (api: ScrubApi) => Promise<ScrubReport>,
): void {
  const command = parent.command(name).description(description);
  addExample(command, `larder scrub ${name}`);
  command.action(cli.action((context) => answer(context, ask)));
}

async function answer(context: VerbContext, ask: (api: ScrubApi) => Promise<ScrubReport>): Promise<void> {
  const report = await withServer(context, ({ scrub: api }) => ask(api));
  context.output.document(report);
  context.output.lines([...formatPairs(pairsOf(report)), ...report.lost.flatMap(lostLines)]);
}

function pairsOf(report: ScrubReport): Array<readonly [string, string]> {
  const { rate_bytes_per_s: rate, hours, bytes_done: done, bytes_total: total } = report;
  const time = (at: number | null) => at === null || at === 0 ? "never" : formatTime(at);
  return [
    ["state", report.state],
    ["rate", rate === 0 ? "off" : formatRate(rate)],
    ["hours", hours === "" ? "all day" : hours],
    ["this pass", `${formatBytes(Math.min(done, total))} of ${formatBytes(total)}`],
    ["begun", time(report.pass_started_at)],
    ["last pass ended", time(report.last_pass_at)],
    ...(report.next_pass_at === null ? [] : [["next pass", time(report.next_pass_at)] as const]),
    ["found so far", `${report.damaged_found} damaged or missing, ${report.repaired} repaired`],
    ["lost now", plural(report.lost.length, "blob")],
  ];
}

function lostLines({ sha256, state, used_by, tries, next_try_at, error }: LostBlobView): string[] {
  const next = next_try_at === null ? "" : `, tried again at ${formatTime(next_try_at)}`;
  const why = error === null ? "" : `: ${error.message}`;
  return [
    printable(`${sha256}  ${state}, ${plural(tries, "failed repair")}${next}${why}`),
    ...used_by.map((name) => printable(`  used by ${name}`)),
  ];
}
