import { resolve } from "node:path";
import { Option } from "commander";
import { parseModelRef } from "../../core/index.ts";
import type { ImportRequest, ImportView } from "../../library/index.ts";
import { followJob } from "../follow-job.ts";
import { formatBytes, plural } from "../format.ts";
import { withApi } from "../session.ts";
import { addExample, gather, type Verb } from "../verb.ts";

const MODES = ["auto", "reflink", "hardlink", "copy"] as const;

interface ImportOptions {
  readonly mode: (typeof MODES)[number];
  readonly sha256?: string;
  readonly alias?: readonly string[];
}

export const importVerb: Verb = (program, cli) => {
  const command = program.command("import").description(
    "take a local file or folder in as a version of a model",
  )
    .argument("<path>", "a file or a folder")
    .argument("<reference>", "model[@version][:variant]; without a version one is made from the content")
    .addOption(
      new Option("--mode <mode>", "how the bytes come in: auto takes reflink, else copy").choices(MODES)
        .default("auto"),
    )
    .option("--sha256 <digest>", "digest that a single file must have")
    .option("--alias <name>", "alias to move to the version; may be repeated", gather);
  addExample(command, "larder import ./tiny.gguf acme/tiny@1.0.0:Q4_K_M");
  command.action(
    cli.action<ImportOptions>(async (context, { args: [path = "", reference = ""], options }) => {
      const request: ImportRequest = {
        path: resolve(context.cwd, path),
        ...parseModelRef(reference),
        mode: options.mode,
        ...(options.sha256 === undefined ? {} : { sha256: options.sha256 }),
        ...(options.alias === undefined ? {} : { aliases: options.alias }),
      };
      const job = await withApi(
        context,
        async (session) => await followJob(context, session, await session.api.importPath(request)),
      );
      const imported = job.result as ImportView;
      const bytes = imported.files.reduce((sum, file) => sum + file.size_bytes, 0);
      const modes = [
        ...new Set(imported.files.map((file) => file.mode)),
      ].join(", ");
      context.output.line(
        `${imported.model}@${imported.version}  ${plural(imported.files.length, "file")}, ${
          formatBytes(bytes)
        } (${modes})`,
      );
    }),
  );
};
