import type { Command } from "commander";
import type { LarderApi, PullLimits, PullView } from "../../library/index.ts";
import { followPull, skippedLines } from "../follow-pull.ts";
import { formatBytes, formatRate, formatTime, parseCount, parseSize } from "../format.ts";
import { withApi } from "../session.ts";
import { formatPairs, formatTable } from "../table.ts";
import { addExample, addSettings, type Cli, type Verb } from "../verb.ts";

const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 1_000;

export const pulls: Verb = (program, cli) => {
  const command = program.command("pulls").description("list, watch, pause, resume and cancel pulls");
  addExample(command, "larder pulls", "larder pulls pause 3f9c2a", "larder pulls limit --rate 10MiB");
  addList(command, cli);
  addShow(command, cli);
  addWatch(command, cli);
  addChange(command, cli, "pause", "stop a pull, keeping what it fetched", (api, id) => api.pausePull(id));
  addResume(command, cli);
  addChange(command, cli, "cancel", "stop a pull for good", (api, id) => api.cancelPull(id));
  addLimit(command, cli);
};

function addList(parent: Command, cli: Cli): void {
  const command = parent.command("list", { isDefault: true }).description("list pulls, newest first")
    .option("--active", "only those that are not finished")
    .option("--limit <count>", `at most so many (default: ${LIMIT_DEFAULT})`);
  addExample(command, "larder pulls list --active");
  command.action(cli.action<{ active?: boolean; limit?: string }>(async (context, { options }) => {
    const limit = options.limit === undefined
      ? LIMIT_DEFAULT
      : parseCount(options.limit, "--limit", LIMIT_MAX);
    const found = await withApi(
      context,
      ({ api }) => api.listPulls({ limit, active: options.active === true }),
    );
    context.output.document({ pulls: found });
    context.output.lines(formatTable(
      [{ title: "ID" }, { title: "MODEL" }, { title: "STATE" }, { title: "DONE", align: "right" }, {
        title: "TOTAL",
        align: "right",
      }, { title: "STARTED" }],
      found.map(row),
    ));
  }));
}

function row(pull: PullView): string[] {
  const total = pull.bytes_total === null ? "?" : formatBytes(pull.bytes_total);
  const name = pull.version === null ? pull.model : `${pull.model}@${pull.version}`;
  return [pull.id, name, pull.state, formatBytes(pull.bytes_done), total, formatTime(pull.created_at)];
}

function addShow(parent: Command, cli: Cli): void {
  const command = parent.command("show").description("show one pull with its files").argument("<id>");
  addExample(command, "larder pulls show 3f9c2a");
  command.action(cli.action(async (context, { args: [id = ""] }) => {
    const pull = await withApi(context, ({ api }) => api.getPull(id));
    context.output.document(pull);
    context.output.lines(describe(pull));
  }));
}

function describe(pull: PullView): string[] {
  return [
    ...formatPairs([
      ["pull", pull.id],
      ["model", pull.model],
      ["version", pull.version ?? "not known yet"],
      ...(pull.variant === "" ? [] : [["variant", pull.variant] as const]),
      ...skippedLines(pull).map((line) => ["skipped", line] as const),
      ["state", pull.state],
      ["started", formatTime(pull.created_at)],
      ...(pull.error ? [["error", `${pull.error.message} (${pull.error.code})`] as const] : []),
    ]),
    "",
    ...formatTable(
      [{ title: "FILE" }, { title: "STATE" }, { title: "DONE", align: "right" }, { title: "FROM" }],
      pull.files.map((file) => [file.path, file.state, formatBytes(file.bytes_done), file.url]),
    ),
  ];
}

function addWatch(parent: Command, cli: Cli): void {
  const command = parent.command("watch").description("show a pull's progress until it ends").argument(
    "<id>",
  );
  addExample(command, "larder pulls watch 3f9c2a");
  command.action(
    cli.action(async (context, { args: [id = ""] }) =>
      await withApi(
        context,
        async (session) => await followPull(context, session, await session.api.getPull(id)),
      )
    ),
  );
}

/** Without a server this process does the transfer, so it stays until the end. */
function addResume(parent: Command, cli: Cli): void {
  const command = parent.command("resume").description("go on with a paused or failed pull").argument("<id>")
    .option("--detach", "do not wait for its end; needs a running server");
  addSettings(command, ["allowOrigins"]);
  addExample(command, "larder pulls resume 3f9c2a");
  command.action(
    cli.action<{ detach?: boolean }>(async (context, { args: [id = ""], options }) =>
      await withApi(context, async (session) => {
        const pull = await session.api.resumePull(id);
        if (!options.detach || session.owned) return await followPull(context, session, pull);
        context.output.document(pull);
        context.output.line(`${pull.id}  ${pull.model}  ${pull.state}`);
        return 0;
      })
    ),
  );
}

function addChange(
  parent: Command,
  cli: Cli,
  name: string,
  description: string,
  change: (api: LarderApi, id: string) => Promise<PullView>,
): void {
  const command = parent.command(name).description(description).argument("<id>");
  addExample(command, `larder pulls ${name} 3f9c2a`);
  command.action(cli.action(async (context, { args: [id = ""] }) => {
    const pull = await withApi(context, ({ api }) => change(api, id));
    context.output.document(pull);
    context.output.line(`${pull.id}  ${pull.model}  ${pull.state}`);
  }));
}

interface LimitOptions {
  readonly rate?: string;
  readonly connections?: string;
  readonly atOnce?: string;
}

function addLimit(parent: Command, cli: Cli): void {
  const command = parent.command("limit").description("show or change the limits of a running server's pulls")
    .option("--rate <bytes>", "bytes per second of all pulls together, such as 10MiB; 0 is no limit")
    .option("--connections <count>", "ranges of one file that are fetched at once")
    .option("--at-once <count>", "pulls that transfer at once");
  addExample(command, "larder pulls limit --rate 10MiB");
  command.action(cli.action<LimitOptions>(async (context, { options }) => {
    const changes = limitsOf(options);
    const limits = await withApi(
      context,
      ({ api }) => Object.keys(changes).length === 0 ? api.getLimits() : api.setLimits(changes),
    );
    context.output.document(limits);
    context.output.lines(formatPairs([
      ["rate", limits.rate_bytes_per_s === 0 ? "no limit" : formatRate(limits.rate_bytes_per_s)],
      ["connections", String(limits.connections_per_pull)],
      ["at once", String(limits.pulls_at_once)],
    ]));
  }));
}

function limitsOf({ rate, connections, atOnce }: LimitOptions): Partial<PullLimits> {
  return {
    ...(rate === undefined ? {} : { rate_bytes_per_s: parseSize(rate, "--rate") }),
    ...(connections === undefined
      ? {}
      : { connections_per_pull: parseCount(connections, "--connections", 16) }),
    ...(atOnce === undefined ? {} : { pulls_at_once: parseCount(atOnce, "--at-once", 64) }),
  };
}
