import { Option } from "commander";
import { LarderError } from "../../core/index.ts";
import type { PathLayout, PathView } from "../../library/index.ts";
import { withApi } from "../session.ts";
import { addExample, type Verb } from "../verb.ts";

interface PathOptions {
  readonly file?: string | true;
  readonly layout?: PathLayout;
}

export const path: Verb = (program, cli) => {
  const command = program.command("path")
    .description(
      "print the folder where a version's files have their real names, for engines on this machine",
    )
    .argument("<reference>", "model[@version-or-alias]")
    .option(
      "--file [name]",
      "print the path of this file instead; the name may be left out when there is only one",
    )
    .addOption(
      new Option(
        "--layout <layout>",
        "names: a folder with real file names; hf: a cache for the hub's own tools, printed as the variable that tells them",
      ).choices(["names", "hf"]),
    );
  addExample(
    command,
    "llama-server --model $(larder path acme/tiny --file)",
    'env "$(larder path acme/tiny --layout hf)" HF_HUB_OFFLINE=1 python run.py',
  );
  command.action(cli.action<PathOptions>(async (context, { args: [reference = ""], options }) => {
    const layout = options.layout === undefined ? {} : { layout: options.layout };
    const view = await withApi(context, ({ api }) => api.path(reference, layout));
    // Chosen before anything is printed, so that a wrong --file leaves no answer behind.
    const chosen = options.file === undefined ? undefined : fileOf(view, options.file);
    context.output.document(chosen === undefined ? view : { ...view, local_path: chosen });
    context.output.line(chosen ?? folderOf(view));
  }));
};

/** Ready for env(1) where the folder is one that other tools are told of by a variable. */
function folderOf({ folder, cache_folder }: PathView): string {
  return cache_folder === undefined ? folder : `HF_HUB_CACHE=${cache_folder}`;
}

function fileOf(view: PathView, name: string | true): string {
  const [only, another] = view.files;
  const file = name === true ? (another ? undefined : only) : view.files.find((one) => one.path === name);
  if (file) return file.local_path;
  const names = view.files.slice(0, 20).map((one) => one.path).join(", ");
  if (name === true) {
    throw new LarderError("USAGE", `Cannot choose a file of ${view.model}@${view.version}: it has several`, {
      field: "file",
      hint: `Give --file with one of: ${names}.`,
    });
  }
  throw new LarderError(
    "FILE_NOT_FOUND",
    `Cannot find ${JSON.stringify(name)} in ${view.model}@${view.version}`,
    {
      hint: `It has: ${names}.`,
    },
  );
}
