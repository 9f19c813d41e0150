import { type Config, CONFIG_KEYS } from "../../config/index.ts";
import { BUILD } from "../../core/index.ts";
import type { HomeReport } from "../cli-types.ts";
import { findWarnings, octal } from "../doctor-warnings.ts";
import { formatBytes, formatTime } from "../format.ts";
import { connectOwner } from "../remote.ts";
import { formatPairs, formatTable } from "../table.ts";
import { addExample, type Verb } from "../verb.ts";

export const doctor: Verb = (program, cli) => {
  const command = program.command("doctor")
    .description("show the settings in force, the home and what may be wrong; changes nothing");
  addExample(command, "larder doctor --json");
  command.action(cli.action(async (context) => {
    const { config, env, output, parts } = context;
    const socketPath = parts.socketPath(config);
    const home = await parts.inspectHome(config);
    const serverListens = await connectOwner(socketPath) !== undefined;
    const umask = process.umask();
    const warnings = findWarnings({ config, env, umask, home, socketPath });
    output.document({
      version: { ...BUILD, bun: Bun.version, platform: process.platform, arch: process.arch },
      config_file: config.configFile ?? null,
      config: Object.fromEntries(
        CONFIG_KEYS.map(({ name, key }) => [key, { value: config[name], source: config.sources[name] }]),
      ),
      home: homeDocument(config, home),
      server: { listens: serverListens, socket: socketPath },
      umask: octal(umask),
      warnings,
    });
    output.lines([
      ...formatPairs([
        ["larder", `${BUILD.version} ${BUILD.commit}`.trim()],
        ["runtime", `Bun ${Bun.version}, ${process.platform} ${process.arch}`],
        ["settings file", config.configFile ?? "none"],
        ...homeLines(config, home),
        ["server", serverListens ? `listens on ${socketPath}` : "none runs"],
        ["umask", octal(umask)],
      ]),
      "",
      ...settingsTable(config),
      "",
      ...(warnings.length === 0 ? ["Nothing to warn about"] : warnings.map((text) => `Warning: ${text}`)),
    ]);
  }));
};

function homeDocument(config: Config, home: HomeReport): unknown {
  return {
    path: config.home,
    exists: home.exists,
    mode: home.mode === null ? null : octal(home.mode),
    writable: home.writable,
    locked: home.locked,
    holder: home.holder && {
      pid: home.holder.pid,
      verb: home.holder.verb,
      started_at: home.holder.startedAtS,
    },
    registry: { ...home.registry, schema_known: home.schemaKnown },
    disk: home.disk && { total_bytes: home.disk.totalBytes, free_bytes: home.disk.freeBytes },
  };
}

function homeLines(config: Config, home: HomeReport): Array<readonly [string, string]> {
  const { disk, registry } = home;
  return [
    [
      "home",
      `${config.home} (${
        home.exists ? `mode ${home.mode === null ? "?" : octal(home.mode)}` : "not made yet"
      })`,
    ],
    ["owner", home.locked ? holderText(home) : "nobody"],
    [
      "registry",
      registry.state === "ok"
        ? `schema ${registry.schema}, this larder knows ${home.schemaKnown}`
        : registry.state,
    ],
    ["disk", disk ? `${formatBytes(disk.freeBytes)} free of ${formatBytes(disk.totalBytes)}` : "unknown"],
  ];
}

function holderText({ holder }: HomeReport): string {
  if (!holder) return "another process";
  const since = holder.startedAtS === null ? "" : ` since ${formatTime(holder.startedAtS)}`;
  return `larder ${holder.verb ?? "?"}, process ${holder.pid ?? "?"}${since}`;
}

function settingsTable(config: Config): string[] {
  return formatTable(
    [{ title: "SETTING" }, { title: "VALUE" }, { title: "FROM" }],
    CONFIG_KEYS.map(({ name, key }) => [key, shown(config[name]), config.sources[name]]),
  );
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.join(",");
  return String(value);
}
