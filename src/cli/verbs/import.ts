import { resolve } from "node:path";
import { Option } from "commander";
import { LarderError, parseModelRef, type VersionMetrics } from "../../core/index.ts";
import type { ImportRequest, ImportView } from "../../library/index.ts";
import type { VerbContext } from "../cli-types.ts";
import { followJob } from "../follow-job.ts";
import { formatBytes, plural, usage } from "../format.ts";
import { type HubCacheOptions, importHubCache } from "../import-hub-cache.ts";
import { withApi } from "../session.ts";
import { addExample, gather, type Verb } from "../verb.ts";

const MODES = ["auto", "reflink", "hardlink", "copy"] as const;

interface ImportOptions extends HubCacheOptions {
  readonly mode: (typeof MODES)[number];
  readonly sha256?: string;
  readonly alias?: readonly string[];
  readonly metric?: readonly string[];
}

export const importVerb: Verb = (program, cli) => {
  const command = program.command("import").description(
    "take a local file or folder in as a version of a model, or what the hub's own tools have in their cache",
  )
    .argument("[path]", "a file or a folder")
    .argument("[reference]", "model[@version][:variant]; without a version one is made from the content")
    .addOption(
      new Option("--mode <mode>", "how the bytes come in: auto takes reflink, else copy").choices(MODES)
        .default("auto"),
    )
    .option("--sha256 <digest>", "digest that a single file must have")
    .option("--alias <name>", "alias to move to the version; may be repeated", gather)
    .option("--metric <name=value>", "how good the version is, such as f1=0.97; may be repeated", gather)
    .option(
      "--hf-cache [folder]",
      "take in the cache of the hub's own tools instead (default: where they keep it)",
    )
    .option("--model <name>", "with --hf-cache, only this repository; may be repeated", gather);
  addExample(
    command,
    "larder import ./tiny.gguf acme/tiny@1.0.0:Q4_K_M",
    "larder import ./iris iris@1.1.0 --metric f1=0.97 --metric log_loss=0.08",
    "larder import --hf-cache --model acme/tiny",
  );
  command.action(
    cli.action<ImportOptions>(async (context, { args: [path, reference], options }) => {
      if (options.hfCache === undefined) return await importPath(context, path, reference, options);
      const { sha256, alias, metric } = options;
      refuseBesideCache({ path, reference, "--sha256": sha256, "--alias": alias, "--metric": metric });
      return await importHubCache(context, options);
    }),
  );
};

async function importPath(
  context: VerbContext,
  path: string | undefined,
  reference: string | undefined,
  { mode, model, sha256, alias, metric }: ImportOptions,
): Promise<void> {
  if (path === undefined || reference === undefined) {
    throw wrongUse(
      `without ${path === undefined ? "a path" : "a reference"}`,
      "Give a path and a reference, or --hf-cache.",
    );
  }
  if (model !== undefined) {
    throw wrongUse("with --model", "It is for --hf-cache; here the reference names the model.");
  }
  const request: ImportRequest = {
    path: resolve(context.cwd, path),
    ...parseModelRef(reference),
    mode,
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(alias === undefined ? {} : { aliases: alias }),
    ...(metric === undefined ? {} : { metrics: readMetrics(metric) }),
  };
  const job = await withApi(
    context,
    async (session) => await followJob(context, session, await session.api.importPath(request)),
  );
  context.output.line(summary(job.result as ImportView));
}

/** @throws {LarderError} USAGE naming what is no metric. */
function readMetrics(given: readonly string[]): VersionMetrics {
  return Object.fromEntries(given.map((text) => {
    const [, name, value] = /^([^=]+)=\s*(\S+)\s*$/.exec(text) ?? [];
    if (name === undefined || !Number.isFinite(Number(value))) {
      throw usage("--metric", text, "a name and a number such as f1=0.97");
    }
    return [name, Number(value)];
  }));
}

function summary({ model, version, files }: ImportView): string {
  const bytes = files.reduce((sum, file) => sum + file.size_bytes, 0);
  const modes = [...new Set(files.map((file) => file.mode))].join(", ");
  return `${model}@${version}  ${plural(files.length, "file")}, ${formatBytes(bytes)} (${modes})`;
}

/** The cache says which models and versions there are, and its blobs are named by what they must be. */
function refuseBesideCache(given: Readonly<Record<string, unknown>>): void {
  const [name] = Object.entries(given).find(([, value]) => value !== undefined) ?? [];
  if (name === undefined) return;
  const what = name.startsWith("--") ? name : `a ${name}`;
  throw wrongUse(
    `${what} together with --hf-cache`,
    "The folder of the cache comes right after --hf-cache; --model chooses.",
  );
}

function wrongUse(what: string, hint: string): LarderError {
  return new LarderError("USAGE", `Cannot import ${what}`, { hint });
}
