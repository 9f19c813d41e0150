import { LarderError } from "../../core/index.ts";
import type { ManifestVariantView, ManifestView, ScanRequest } from "../../library/index.ts";
import type { VerbContext } from "../cli-types.ts";
import { formatBytes, formatCount, formatTime } from "../format.ts";
import { parseHubReference } from "../hub-pull-request.ts";
import { withApi } from "../session.ts";
import { type Column, formatPairs, formatTable, printable } from "../table.ts";
import { untilAborted } from "../until-aborted.ts";
import { addExample, addSettings, type Verb } from "../verb.ts";

const COLUMNS: readonly Column[] = [
  { title: "VARIANT" },
  { title: "FORMAT" },
  { title: "SIZE", align: "right" },
  { title: "FILES", align: "right" },
  { title: "STATUS" },
  { title: "DISK" },
  { title: "MEMORY" },
  { title: "" },
];

const GATED = {
  none: "no",
  auto: "yes, access is given when asked for",
  manual: "yes, its owner decides",
} as const;

export const scan: Verb = (program, cli) => {
  const command = program.command("scan")
    .description("show what a repository of the hub offers, and what of it fits here; fetches no weights")
    .argument("<reference>", "model[@revision]")
    .option("--revision <name>", "a branch, a tag or a commit, also one with slashes such as refs/pr/1");
  addSettings(command, ["hubEndpoint", "allowOrigins"]);
  addExample(command, "larder scan acme/tiny");
  command.action(
    cli.action<{ revision?: string }>(async (context, { args: [reference = ""], options }) => {
      const request = scanRequest(context, reference, options.revision);
      const manifest = await withApi(
        context,
        ({ api }) => untilAborted(context.signal, `scan ${request.model}`, api.scan(request)),
      );
      context.output.document(manifest);
      context.output.lines([...describe(manifest), "", ...table(manifest), "", advice(manifest)]);
    }),
  );
};

function scanRequest({ config }: VerbContext, text: string, besides: string | undefined): ScanRequest {
  const { variant, ...request } = parseHubReference(text, besides);
  if (variant !== undefined) {
    throw new LarderError("USAGE", `Cannot scan one variant: a scan shows them all`, {
      field: "reference",
      hint: `Leave ":${variant}" out.`,
    });
  }
  // A server that runs would ask in our place.
  if (config.offline) throw new LarderError("OFFLINE", `Cannot scan ${request.model} while offline`);
  return request;
}

/** What is known; what is not has no line. */
function describe(manifest: ManifestView): string[] {
  const { architecture, context_length, last_modified, parameters } = manifest;
  return formatPairs(known([
    [manifest.kind, manifest.model],
    ["revision", manifest.revision],
    ["commit", manifest.version],
    ["changed", last_modified === null ? null : formatTime(last_modified)],
    ["task", manifest.pipeline_task],
    ["library", manifest.library_name],
    ["license", manifest.license],
    ["architecture", architecture],
    ["parameters", parameters === null ? null : formatCount(parameters)],
    ["context", context_length === null ? null : `${context_length} tokens`],
    ["gated", GATED[manifest.gated]],
    ["private", manifest.private ? "yes" : null],
    ["all files", `${manifest.files.length}, ${formatBytes(manifest.size_bytes)}`],
    ["beside variants", manifest.sidecars.length === 0 ? null : manifest.sidecars.join(", ")],
  ]));
}

function known(pairs: ReadonlyArray<readonly [string, string | null]>): Array<readonly [string, string]> {
  return pairs.flatMap(([label, value]) => value === null ? [] : [[label, value] as const]);
}

function table({ variants }: ManifestView): string[] {
  return formatTable(COLUMNS, variants.map(row));
}

function row(variant: ManifestVariantView): string[] {
  return [
    variant.name,
    variant.format,
    formatBytes(variant.size_bytes),
    String(variant.files.length),
    statusOf(variant),
    variant.fits_disk ? "fits" : "too large",
    variant.fits_memory ? "fits" : "too large",
    variant.is_default ? "default" : "",
  ];
}

function statusOf({ status, error, bytes_done, size_bytes }: ManifestVariantView): string {
  if (status === "failed" && error !== null) return `failed (${error.code})`;
  if (status !== "downloading" || size_bytes === 0) return status;
  return `downloading ${Math.floor(Math.min(1, bytes_done / size_bytes) * 100)}%`;
}

function advice({ model, variants }: ManifestView): string {
  const taken = variants.find(({ is_default }) => is_default) ?? variants[0];
  const other = variants.find(({ name }) => name !== taken?.name);
  const another = other === undefined ? "" : `; \`larder pull ${model}:${other.name}\` another one`;
  return printable(`\`larder pull ${model}\` takes ${taken?.name}${another}.`);
}
