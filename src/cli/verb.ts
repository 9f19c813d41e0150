import { type Command, Option } from "commander";
import { type Config, CONFIG_KEYS, type ConfigName, loadConfig } from "../config/index.ts";
import { isLarderError } from "../core/index.ts";
import type { CliEnvironment, VerbContext } from "./cli-types.ts";
import { exitOfSignal } from "./exit-codes.ts";
import { Output } from "./output.ts";
import { reportError } from "./report-error.ts";

export interface VerbInput<O> {
  /** As declared by `argument()`; the types of optional and variadic ones are the verb's to know. */
  readonly args: readonly string[];
  readonly options: O & GlobalOptions;
}

export interface GlobalOptions {
  readonly home?: string;
  readonly config?: string;
  readonly logFormat?: string;
  readonly logLevel?: string;
  readonly wait?: string;
  readonly json?: boolean;
}

/** Does a verb's work. A number is the exit code; nothing means 0. */
export type Handler<O> = (context: VerbContext, input: VerbInput<O>) => Promise<number | void>;

/** Adds itself to the program. */
export type Verb = (program: Command, cli: Cli) => void;

/** Runs the handler of the verb that the command line names, and keeps its exit code. */
export class Cli {
  readonly environment: CliEnvironment;
  exitCode = 0;

  constructor(environment: CliEnvironment) {
    this.environment = environment;
  }

  /**
   * The action of a command.
   *
   * @param settings Names of options which are settings under another name: `{ connections: "connectionsPerPull" }`.
   */
  action<O>(handler: Handler<O>, settings: Readonly<Record<string, ConfigName>> = {}) {
    return async (...values: unknown[]): Promise<void> => {
      const command = values.at(-1) as Command;
      const options = command.optsWithGlobals<O & GlobalOptions>();
      const output = this.output(options.json === true);
      try {
        const context = this.#context(command, options, output, { wait: "waitS", ...settings });
        const input = { args: command.processedArgs as string[], options };
        this.exitCode = await handler(context, input) ?? 0;
      } catch (error) {
        const code = reportError(output, error);
        const { signal } = this.environment;
        this.exitCode = signal.aborted && isLarderError(error, "CANCELLED")
          ? exitOfSignal(signal.reason)
          : code;
      }
    };
  }

  output(json: boolean): Output {
    return new Output(this.environment.stdout, this.environment.stderr, json);
  }

  #context(
    command: Command,
    options: GlobalOptions,
    output: Output,
    settings: Readonly<Record<string, ConfigName>>,
  ): VerbContext {
    const { env, configureLog } = this.environment;
    const given = options as Readonly<Record<string, unknown>>;
    const renamed = Object.entries(settings).map(([option, name]) => [name, given[option]]);
    const config = loadConfig({
      flags: { ...given, ...Object.fromEntries(renamed) },
      env,
      isTerminal: output.stderr.isTTY,
    });
    const verb = verbOf(command);
    configureLog({ format: config.logFormat, level: levelOf(config, verb) });
    return { ...this.environment, verb, config, output };
  }
}

/** What a verb does is told by its output; a server has only the log. */
function levelOf({ logLevel, sources }: Config, verb: string): Config["logLevel"] {
  return verb === "serve" || sources.logLevel !== "default" ? logLevel : "warning";
}

/** `pulls` for `larder pulls watch`. */
function verbOf(command: Command): string {
  const { parent } = command;
  return parent?.parent ? verbOf(parent) : command.name();
}

/** The settings that a verb takes as flags, in the words of the table of settings. */
export function addSettings(command: Command, names: readonly ConfigName[]): Command {
  for (const { name, flag, description, isSwitch, secret } of CONFIG_KEYS) {
    if (secret || !names.includes(name)) continue;
    command.addOption(new Option(isSwitch ? flag : `${flag} <value>`, description));
  }
  return command;
}

/** `--help` ends with this. */
export function addExample(command: Command, ...lines: readonly string[]): Command {
  const title = lines.length === 1 ? "Example:" : "Examples:";
  return command.addHelpText("after", `\n${title}\n${lines.map((line) => `  ${line}`).join("\n")}`);
}

/** For an option that may be given again and again. */
export function gather(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
