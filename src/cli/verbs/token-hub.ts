import type { Command } from "commander";
import { parseHubToken } from "../../config/index.ts";
import { LarderError } from "../../core/index.ts";
import type { HubTokenSource, HubTokenView } from "../../library/index.ts";
import type { VerbContext } from "../cli-types.ts";
import { readSecret } from "../read-secret.ts";
import { withApi } from "../session.ts";
import { formatPairs } from "../table.ts";
import { addExample, type Cli } from "../verb.ts";

const SOURCES: Readonly<Record<HubTokenSource, string>> = {
  environment: "the environment (LARDER_HUB_TOKEN or HF_TOKEN)",
  larder: "this home (larder token hub --set)",
  "hub-tools": "the file of the hub's own tools",
};

interface Options {
  readonly set?: boolean;
  readonly remove?: boolean;
}

/** The token that we show the hub. It is never an argument, because every user of a machine may read those, and never shown. */
export function addHub(parent: Command, cli: Cli): void {
  const command = parent.command("hub")
    .description("show where the token for the hub comes from, keep one in the home, or forget it")
    .option("--set", "keep the token that standard input has; on a terminal it is asked for and not shown")
    .option("--remove", "forget the token that was kept");
  addExample(command, "larder token hub --set < token.txt");
  command.action(cli.action<Options>(async (context, { options }) => {
    if (options.set && options.remove) {
      throw new LarderError("USAGE", "Cannot keep a token and forget it at once", {
        hint: "Give either --set or --remove.",
      });
    }
    // Read before the home is taken: a person may take their time.
    const token = options.set ? await readToken(context) : null;
    const changes = options.set || options.remove;
    const view = await withApi(context, ({ api }) => changes ? api.setHubToken(token) : api.hubToken());
    context.output.document(view);
    context.output.lines(describe(view));
    noteWhatIsInForce(context, view, options);
  }));
}

async function readToken(context: VerbContext): Promise<string> {
  const token = parseHubToken(await readSecret(context, "Token for the hub (not shown): "));
  if (token !== undefined) return token;
  throw new LarderError("USAGE", "Cannot find a token in standard input", {
    hint: "Give nothing but the token, such as hf_… from the settings page of the hub.",
  });
}

function describe({ source, origin }: HubTokenView): string[] {
  return formatPairs([
    ["token from", source === null ? "nowhere: only what is public can be pulled" : SOURCES[source]],
    ["sent to", `${origin} only`],
  ]);
}

function noteWhatIsInForce(
  { output }: VerbContext,
  { source }: HubTokenView,
  { set, remove }: Options,
): void {
  if (set && source !== null && source !== "larder") {
    output.note(`The token is kept, but that of ${SOURCES[source]} comes first.`);
  }
  if (remove && source !== null) {
    output.note(`What was kept here is forgotten; the token now comes from ${SOURCES[source]}.`);
  }
}
