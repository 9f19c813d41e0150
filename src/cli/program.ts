import { Command, CommanderError, Option } from "commander";
import { BUILD, LarderError } from "../core/index.ts";
import type { CliEnvironment } from "./cli-types.ts";
import { reportError } from "./report-error.ts";
import { Cli, type Verb } from "./verb.ts";
import { alias } from "./verbs/alias.ts";
import { budget } from "./verbs/budget.ts";
import { clear } from "./verbs/clear.ts";
import { doctor } from "./verbs/doctor.ts";
import { gc } from "./verbs/gc.ts";
import { importVerb } from "./verbs/import.ts";
import { list } from "./verbs/list.ts";
import { load, unload } from "./verbs/load.ts";
import { options } from "./verbs/options.ts";
import { path } from "./verbs/path.ts";
import { pin, unpin } from "./verbs/pin.ts";
import { predict } from "./verbs/predict.ts";
import { preload } from "./verbs/preload.ts";
import { ps } from "./verbs/ps.ts";
import { pull } from "./verbs/pull.ts";
import { pulls } from "./verbs/pulls.ts";
import { reload } from "./verbs/reload.ts";
import { remove } from "./verbs/remove.ts";
import { repair } from "./verbs/repair.ts";
import { scan } from "./verbs/scan.ts";
import { scrub } from "./verbs/scrub.ts";
import { serve } from "./verbs/serve.ts";
import { show } from "./verbs/show.ts";
import { stats } from "./verbs/stats.ts";
import { token } from "./verbs/token.ts";
import { tune } from "./verbs/tune.ts";
import { verify } from "./verbs/verify.ts";
import { version } from "./verbs/version.ts";
import { watched } from "./verbs/watched.ts";

/** In the order of the help. */
const VERBS: readonly Verb[] = [
  ...[
    serve,
    pull,
    scan,
    list,
    show,
    path,
    remove,
    alias,
    importVerb,
    verify,
    repair,
    scrub,
    gc,
    clear,
    stats,
    budget,
    pulls,
    watched,
    token,
  ],
  ...[predict, ps, load, unload, reload, pin, unpin, preload, options, tune, doctor, version],
];

const EXIT_CODES =
  `Exit codes: 0 done, 1 failed, 2 wrong use, 69 upstream unavailable, 73 no space, 75 try again,
76 integrity, 77 denied, 78 configuration; 128 + n when signal n ended a verb.
With --json, stdout holds one JSON document per line; the last one is the result or {"error": …}.`;

/** Runs one command line to its end and returns the exit code. Everything written has been taken by then. */
export async function runCli(environment: CliEnvironment): Promise<number> {
  const cli = new Cli(environment);
  const output = cli.output(environment.argv.includes("--json"));
  try {
    await buildProgram(cli).parseAsync(environment.argv, { from: "user" });
  } catch (error) {
    cli.exitCode = error instanceof CommanderError && error.exitCode === 0
      ? 0
      : reportError(output, error instanceof CommanderError ? usageError(error) : error);
  }
  await output.flush();
  return cli.exitCode;
}

/** The whole command line, for running it and for looking at its help. */
export function buildProgram(cli: Cli): Command {
  const program = new Command("larder")
    .description("Keeps machine-learning models on the machine that uses them.")
    .option("--home <folder>", "folder that holds everything")
    .option("--config <file>", "settings file (default: larder/larder.toml in the user's configuration)")
    .option("--log-format <format>", "form of the log: json or text")
    .option("--log-level <level>", "what is logged: debug, info, warning or error")
    .option("--wait <seconds>", "how long to wait for a home that another process owns (default: 30)")
    .option("--json", "answer with JSON, one document per line")
    // Known, so that it can be refused for what it is, without a word of the token.
    .addOption(new Option("--hub-token <token>").hideHelp())
    .version(`larder ${BUILD.version}`, "-V, --version")
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => cli.environment.stdout.write(text),
      writeErr: () => {},
      outputError: () => {},
    })
    .exitOverride()
    .addHelpText("after", `\n${EXIT_CODES}`);
  for (const verb of VERBS) verb(program, cli);
  return program;
}

function usageError(error: CommanderError): LarderError {
  if (error.code === "commander.help") {
    return new LarderError("USAGE", "Cannot tell what to do: no verb is given", {
      hint: "See `larder --help`.",
    });
  }
  const [message = "", ...more] = withoutValues(error.message).replace(/^error: /, "").split("\n");
  return new LarderError("USAGE", `Cannot read the command line: ${message}`, {
    hint: [...more, "See `larder --help`, or --help after a verb."].join(" "),
  });
}

/** What nobody asked for may be anything, also a token: it is not repeated. */
function withoutValues(message: string): string {
  return message.replace(/(unknown option '-[^'=]*)=.*'/s, "$1=…'")
    .replace(/(too many arguments .* but got \d+): .*/s, "$1.");
}
