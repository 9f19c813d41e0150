import { formatModelRef, LarderError, parseModelRef } from "../../core/index.ts";
import type { OptionValues, TuneCandidate, TuneRequest, TuneResult } from "../../library/index.ts";
import { followJob } from "../follow-job.ts";
import { parseInputs } from "../inputs.ts";
import { withApi } from "../session.ts";
import { formatTable } from "../table.ts";
import { addExample, type Verb } from "../verb.ts";

interface TuneInput {
  readonly probe?: string;
  readonly runs?: string;
  readonly seconds?: string;
  readonly keep: boolean;
}

export const tune: Verb = (program, cli) => {
  const command = program.command("tune")
    .description("measure settings of a model on this machine, beside the one in use, and keep the best")
    .argument("<reference>", "model[@version-or-alias][:variant]")
    .option("--probe <inputs>", "what is run: JSON as for predict, or a prompt; made up when absent")
    .option("--runs <count>", "runs of each setting that are measured (default: 15)")
    .option("--seconds <seconds>", "begin no new setting after so long (default: 60)")
    .option("--no-keep", "only tell which is the best");
  addExample(command, "larder tune iris", "larder tune acme/tiny:Q4_K_M --seconds 120 --no-keep");
  command.action(cli.action<TuneInput>(async (context, { args: [reference = ""], options }) => {
    const request = { ...parseModelRef(reference), ...howOf(options) };
    const job = await withApi(
      context,
      async (session) => await followJob(context, session, await session.api.options.tune(request)),
    );
    context.output.lines(describe(job.result as TuneResult));
  }));
};

function howOf({ probe, runs, seconds, keep }: TuneInput): Omit<TuneRequest, "model"> {
  return {
    ...(probe === undefined ? {} : { probe: /^\s*[[{]/.test(probe) ? parseInputs(probe, "--probe") : probe }),
    ...(runs === undefined ? {} : { runs: numberOf("runs", runs) }),
    ...(seconds === undefined ? {} : { seconds_max: numberOf("seconds", seconds) }),
    ...(keep ? {} : { keep }),
  };
}

function numberOf(option: string, text: string): number {
  const number = Number(text);
  if (/^\d/.test(text) && Number.isFinite(number)) return number;
  throw new LarderError("USAGE", `Cannot use --${option} as it is given`, {
    field: option,
    hint: "Give a number.",
  });
}

function describe(result: TuneResult): string[] {
  const { candidates, chosen, kept, reason } = result;
  const columns = [
    { title: "OPTIONS" },
    { title: "P50 MS", align: "right" },
    { title: "PRESENT", align: "right" },
    { title: "SAVES", align: "right" },
  ] as const;
  const name = formatModelRef({ model: result.model, version: result.version, variant: result.variant });
  return [
    ...formatTable(columns, candidates.map(rowOf)),
    `${name}: ${optionsText(chosen)} (${reason})${kept ? ", kept" : ""}`,
  ];
}

function rowOf({ options, p50_ms, present_p50_ms, gain, confirms, error }: TuneCandidate): string[] {
  const again = confirms ? " (again)" : "";
  if (p50_ms === null || present_p50_ms === null || gain === null) {
    return [`${optionsText(options)}${again}`, "-", "-", error?.code ?? "not measured"];
  }
  return [`${optionsText(options)}${again}`, p50_ms.toFixed(3), present_p50_ms.toFixed(3), percent(gain)];
}

function percent(gain: number): string {
  return `${(100 * gain).toFixed(1)} %`;
}

function optionsText(options: OptionValues): string {
  const set = Object.entries(options).map(([name, value]) => `${name}=${value}`);
  return set.length === 0 ? "as the runtime is by itself" : set.join(" ");
}
