import type { VersionMetrics } from "../../core/index.ts";
import type { FileView, ModelView } from "../../library/index.ts";
import { formatBytes, formatTime } from "../format.ts";
import { withApi } from "../session.ts";
import { formatPairs, formatTable } from "../table.ts";
import { addExample, type Verb } from "../verb.ts";

export const show: Verb = (program, cli) => {
  const command = program.command("show").description(
    "show a model: versions, aliases, files, where they came from",
  )
    .argument("<reference>", "model[@version-or-alias]");
  addExample(command, "larder show iris@stable");
  command.action(cli.action(async (context, { args: [reference = ""] }) => {
    const model = await withApi(context, ({ api }) => api.describe(reference));
    context.output.document(model);
    context.output.lines(describe(model));
  }));
};

function describe(model: ModelView): string[] {
  const { version } = model;
  return [
    ...formatPairs([
      ["model", model.model],
      ["version", version.version],
      ["created", formatTime(version.created_at)],
      ["size", formatBytes(version.size_bytes)],
      [
        "aliases",
        Object.entries(model.aliases).map(([name, target]) => `${name} → ${target}`).join(", ") || "none",
      ],
      ...model.best === null ? [] : [["best", `${model.best.version} (by ${model.best.metric})`] as const],
      ["versions", model.versions.map((one) => one.version).join(", ")],
      ["variants", version.variants.map(({ name, status }) => `${name} (${status})`).join(", ")],
      ["metrics", formatMetrics(version.metrics)],
    ]),
    "",
    ...formatTable(
      [{ title: "FILE" }, { title: "SIZE", align: "right" }, { title: "STATE" }, { title: "SHA256" }, {
        title: "FROM",
      }],
      version.files.map(row),
    ),
  ];
}

function formatMetrics(metrics: VersionMetrics): string {
  return Object.entries(metrics).map(([name, value]) => `${name} ${value}`).join(", ") || "none";
}

function row(file: FileView): string[] {
  return [file.path, formatBytes(file.size_bytes), file.state, file.sha256, file.sources.join(" ")];
}
