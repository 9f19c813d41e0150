import type { WatchedFolderView, WatchedView } from "../../library/index.ts";
import { formatBytes, formatTime } from "../format.ts";
import { withApi } from "../session.ts";
import { formatTable, printable } from "../table.ts";
import { addExample, addSettings, type Verb } from "../verb.ts";

const COLUMNS = [
  { title: "MODEL" },
  { title: "STATE" },
  { title: "SIZE", align: "right" },
  { title: "TAKEN" },
  { title: "PATH" },
] as const;

export const watched: Verb = (program, cli) => {
  const command = program.command("watched")
    .description("show the watched folders and what was taken of them; a running server takes what is new")
    .option("--scan", "look at all of them now");
  addSettings(command, ["watchFolders"]);
  addExample(command, "larder serve --watch-folders /srv/models", "larder watched --scan");
  command.action(cli.action<{ scan?: boolean }>(async (context, { options: { scan = false } }) => {
    const view = await withApi(context, ({ api }) => scan ? api.watched.scan() : api.watched.list());
    context.output.document(view);
    context.output.lines(linesOf(view));
  }));
};

function linesOf({ folders }: WatchedView): string[] {
  if (folders.length === 0) {
    return ["No folder is watched: name some with --watch-folders when the server starts."];
  }
  return folders.flatMap((folder, index) => [...index === 0 ? [] : [""], ...folderLines(folder)]);
}

function folderLines(folder: WatchedFolderView): string[] {
  const { state, reason, files, noticed_by } = folder;
  const how = state === "watched" ? `, ${files} files, noticed by ${noticed_by}` : "";
  const title = `${folder.folder}: ${state}${how}${reason === null ? "" : `: ${reason}`}`;
  const rows = [
    ...folder.models.map((one) => [
      `${one.model}@${one.version}`,
      one.removed ? "removed" : "taken",
      formatBytes(one.size_bytes),
      formatTime(one.taken_at),
      one.path,
    ]),
    ...folder.pending.map((one) => [one.model, one.state, formatBytes(one.size_bytes), "", one.path]),
  ];
  const refused = folder.refused.map(({ path, error }) => `${path}: ${error.message}`);
  return [
    printable(title),
    ...rows.length === 0 ? [] : formatTable(COLUMNS, rows),
    ...refused.map(printable),
  ];
}
