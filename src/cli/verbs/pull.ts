import { resolve } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { Option } from "commander";
import { LarderError, systemCode } from "../../core/index.ts";
import type { PullRequest, PullView } from "../../library/index.ts";
import type { VerbContext } from "../cli-types.ts";
import { followPull } from "../follow-pull.ts";
import { buildPullRequest, type PullOptions } from "../pull-request.ts";
import { type Session, withApi } from "../session.ts";
import { addExample, addSettings, gather, type Verb } from "../verb.ts";

interface Options extends PullOptions {
  readonly detach?: boolean;
  readonly connections?: string;
  readonly limitRate?: string;
  readonly allowOrigins?: string;
  readonly hubEndpoint?: string;
}

const NOTES = `
Ctrl-C pauses a pull that this process does; what was fetched stays, and the same command goes on from there.
A pull that a running server does goes on; \`larder pulls watch\` shows it again, \`larder pulls cancel\` stops it.
--connections and --limit-rate then change the limits of that server, as \`larder pulls limit\` does.`;

export const pull: Verb = (program, cli) => {
  const command = program.command("pull").description("fetch a model's files, check them and keep them")
    .argument(
      "<reference-or-address>",
      "model[@version][:variant], without an address of the hub; or an https:// address",
    )
    .argument("[address]", "where the file comes from")
    .option(
      "--revision <name>",
      "of the hub: a branch, a tag or a commit, also one with slashes such as refs/pr/1",
    )
    .option("--files <glob>", "of the hub: files that match, instead of a variant; may be repeated", gather)
    .option(
      "--fallback <variants>",
      "of the hub, when a variant cannot be had: none, smaller, or names as a,b,c",
    )
    .option("--as <reference>", "name for an address alone (default: made from its last part)")
    .option("--mirror <address>", "another address of the same bytes; may be repeated", gather)
    .option("--sha256 <digest>", "digest that the file must have")
    .option("--size <bytes>", "size that the file must have")
    .option("--file <path>", "name of the file inside the version (default: the last part of the address)")
    .option("--variant <name>", "variant that is meant, or that the files make up")
    .option("--alias <name>", "alias to move to the version; may be repeated", gather)
    .option("--input <file>", "JSON array of files, each {path, urls, sha256, size}; - reads standard input")
    .addOption(
      new Option("--digest-of <what>", "what digest and size are of, for a .gz or .zst source").choices([
        "file",
        "source",
      ]),
    )
    .option("--no-decompress", "keep .gz and .zst sources as they are")
    .option("--connections <count>", "ranges of one file that are fetched at once")
    .option("--limit-rate <bytes>", "bytes per second, such as 10MiB")
    .option("--detach", "do not wait for the end; needs a running server");
  addSettings(command, ["offline", "hubEndpoint", "allowOrigins"]);
  addExample(
    command,
    "larder pull acme/tiny:Q4_K_M --fallback smaller",
    "larder pull acme/tiny --revision refs/pr/1 --files '*.json'",
    "larder pull acme/tiny@1.0.0 https://models.example/tiny.gguf --sha256 9f86d081…0a08",
    "larder pull https://models.example/iris.onnx --as iris",
  ).addHelpText("after", NOTES);
  const settings = { connections: "connectionsPerPull", limitRate: "rateBytesPerS" } as const;
  command.action(cli.action<Options>(async (context, { args, options }) => {
    const request = inForce(
      context,
      await buildPullRequest(args, options, (path) => readInput(context, path)),
    );
    return await withApi(context, async (session) => {
      if (!session.owned) await applyToServer(context, session, options);
      const pull = await session.api.pull(request);
      return options.detach ? await detach(context, session, pull) : await followPull(context, session, pull);
    });
  }, settings));
};

/** Offline by the settings of this process, the server that does the pull need not be. */
function inForce({ config }: VerbContext, request: PullRequest): PullRequest {
  return request.files === undefined && config.offline ? { ...request, offline: true } : request;
}

async function readInput({ cwd, stdin }: VerbContext, path: string): Promise<string> {
  try {
    return path === "-" ? await readAll(stdin()) : await Bun.file(resolve(cwd, path)).text();
  } catch (error) {
    throw new LarderError("USAGE", `Cannot read ${path}: ${systemCode(error) ?? "unreadable"}`, {
      field: "input",
      hint: "Give a readable JSON file, or - for standard input.",
      cause: error,
    });
  }
}

/** What a flag says of transfers has to reach the process that makes them. */
async function applyToServer(context: VerbContext, { api }: Session, options: Options): Promise<void> {
  const { config, output } = context;
  if (options.connections !== undefined || options.limitRate !== undefined) {
    await api.setLimits({
      ...(options.connections === undefined ? {} : { connections_per_pull: config.connectionsPerPull }),
      ...(options.limitRate === undefined ? {} : { rate_bytes_per_s: config.rateBytesPerS }),
    });
    output.note("The limits of the running server are changed, for its other pulls too.");
  }
  for (
    const [flag, value] of [["--allow-origins", options.allowOrigins], [
      "--hub-endpoint",
      options.hubEndpoint,
    ]]
  ) {
    if (value !== undefined) output.note(`${flag} has no effect: the running server has its own settings.`);
  }
}

async function detach(
  context: VerbContext,
  session: Session,
  pull: PullView,
): Promise<number> {
  const { output } = context;
  if (session.owned) {
    output.note("No server is running to go on alone, so this waits for the end.");
    return await followPull(context, session, pull);
  }
  output.document(pull);
  output.line(`${pull.id}  ${pull.model}  ${pull.state}`);
  return 0;
}
