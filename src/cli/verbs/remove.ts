import { createInterface } from "node:readline/promises";
import { formatModelRef, LarderError, parseModelRef } from "../../core/index.ts";
import type { LarderApi } from "../../library/index.ts";
import type { VerbContext } from "../cli-types.ts";
import { formatBytes, plural } from "../format.ts";
import { withApi } from "../session.ts";
import { addExample, type Verb } from "../verb.ts";

interface RemoveOptions {
  readonly yes?: boolean;
}

export const remove: Verb = (program, cli) => {
  const command = program.command("remove")
    .description("remove a version, a variant, or a model with all its versions")
    .argument("<reference>", "model[@version][:variant]; without a version all of them")
    .option("--yes", "do not ask before something of several versions goes");
  addExample(command, "larder remove iris@1.2.0", "larder remove acme/tiny@1.2.0:q4");
  command.action(cli.action<RemoveOptions>(async (context, { args: [reference = ""], options }) => {
    const removed = await withApi(context, async ({ api }) => {
      if (!options.yes) await confirm(context, api, reference);
      return await api.remove(reference);
    });
    context.output.document(removed);
    const { versions, bytes_freed } = removed;
    context.output.line(
      `Removed ${formatModelRef(removed)}: ${plural(versions.length, "version")}, ${
        formatBytes(bytes_freed)
      }`,
    );
  }));
};

async function confirm(context: VerbContext, api: LarderApi, reference: string): Promise<void> {
  const { model, version, variant } = parseModelRef(reference);
  if (version !== undefined) return;
  const count = (await api.describe(model)).versions.length;
  if (count < 2) return;
  const what = variant === undefined ? model : `${variant} of ${model}`;
  const refused = new LarderError(
    "USAGE",
    `Cannot remove ${what} with its ${count} versions: not confirmed`,
    {
      hint: "Give --yes, or name one version.",
    },
  );
  if (!context.output.interactive || context.stdin().isTTY !== true) throw refused;
  if (!/^y(es)?$/i.test(await ask(context, `Remove ${what} with all ${count} versions? [y/N] `))) {
    throw refused;
  }
}

async function ask({ stdin, output, signal }: VerbContext, question: string): Promise<string> {
  output.stderr.write(question);
  const lines = createInterface({ input: stdin() });
  try {
    return (await lines.question("", { signal })).trim();
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new LarderError("CANCELLED", "Cannot remove: interrupted before the answer");
  } finally {
    lines.close();
  }
}
