import { existsSync } from "node:fs";
import { type Config, CONFIG_KEYS, type ConfigKey } from "../../config/index.ts";
import { BUILD } from "../../core/index.ts";
import type { RegistryReport } from "../cli-types.ts";
import { findWarnings, octal } from "../doctor-warnings.ts";
import { formatBytes, formatTime } from "../format.ts";
import { type HomeReport, inspectHome } from "../inspect-home.ts";
import { connectOwner } from "../remote.ts";
import { socketPathOf } from "../socket-path.ts";
import { formatPairs, formatTable } from "../table.ts";
import { addExample, type Verb } from "../verb.ts";

export const doctor: Verb = (program, cli) => {
  const command = program.command("doctor")
    .description("show the settings in force, the home and what may be wrong; changes nothing");
  addExample(command, "larder doctor --json");
  command.action(cli.action(async (context) => {
    const { config, env, output, parts } = context;
    const socketPath = socketPathOf(config);
    const home = inspectHome(config.home);
    const registry = parts.inspectRegistry(config);
    const serverListens = await connectOwner(socketPath) !== undefined;
    const umask = process.umask();
    const warnings = findWarnings({ config, env, umask, home, registry });
    output.document({
      version: { ...BUILD, bun: Bun.version, platform: process.platform, arch: process.arch },
      config_file: config.configFile ?? null,
      config: Object.fromEntries(
        CONFIG_KEYS.map((key) => [key.key, { value: valueOf(config, key), ...sourceOf(config, key) }]),
      ),
      hub_tools: Object.fromEntries(
        hubTools(config).map(([name, path]) => [name, { path, exists: existsSync(path) }]),
      ),
      home: homeDocument(config, home),
      registry: { state: registry.state, schema: registry.schema, schema_known: registry.schemaKnown },
      server: { listens: serverListens, socket: socketPath },
      umask: octal(umask),
      warnings,
    });
    output.lines([
      ...formatPairs([
        ["larder", `${BUILD.version} ${BUILD.commit}`.trim()],
        ["runtime", `Bun ${Bun.version}, ${process.platform} ${process.arch}`],
        ["settings file", config.configFile ?? "none"],
        ...homeLines(config, home, registry),
        ...hubTools(config).map(([name, path]) =>
          [`hub tools' ${name}`, `${path} (${existsSync(path) ? "there" : "not there"})`] as const
        ),
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

function homeDocument({ home: path }: Config, { exists, mode, writable, owner, disk }: HomeReport): unknown {
  return {
    path,
    exists,
    mode: mode === null ? null : octal(mode),
    writable,
    owner,
    disk: disk && { total_bytes: disk.totalBytes, free_bytes: disk.freeBytes },
  };
}

function homeLines(
  config: Config,
  home: HomeReport,
  registry: RegistryReport,
): Array<readonly [string, string]> {
  const { disk, mode, owner } = home;
  const schema = `schema ${registry.schema}, this larder knows ${registry.schemaKnown}`;
  return [
    ["home", `${config.home} (${mode === null ? "not made yet" : `mode ${octal(mode)}`})`],
    [
      "owner",
      owner ? `larder ${owner.verb}, process ${owner.pid}, since ${formatTime(owner.started_at)}` : "nobody",
    ],
    ["registry", registry.state === "sound" ? schema : registry.state],
    ["disk", disk ? `${formatBytes(disk.freeBytes)} free of ${formatBytes(disk.totalBytes)}` : "unknown"],
  ];
}

function settingsTable(config: Config): string[] {
  return formatTable(
    [{ title: "SETTING" }, { title: "VALUE" }, { title: "FROM" }],
    CONFIG_KEYS.map((key) => {
      const { source, variable = "" } = sourceOf(config, key);
      return [key.key, shown(valueOf(config, key)), `${source} ${variable}`];
    }),
  );
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.join(",");
  return String(value);
}

/** Of a secret nothing but whether there is one. */
function valueOf(config: Config, { name, secret }: ConfigKey): unknown {
  if (!secret) return config[name];
  return config[name] === undefined ? "not set" : "set";
}

function sourceOf(
  { sources, variables }: Config,
  { name }: ConfigKey,
): { source: string; variable?: string } {
  const variable = variables[name];
  return { source: sources[name], ...(variable === undefined ? {} : { variable }) };
}

function hubTools(config: Config): ReadonlyArray<readonly [name: string, path: string]> {
  return [["token", config.hubToolsTokenPath], ["cache", config.hubToolsCachePath]];
}
