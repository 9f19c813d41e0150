import { isAbsolute, join } from "node:path";
import type { LarderError } from "../core/index.ts";
import { configError, secretRefused, shown, withoutSecrets } from "./config-error.ts";
import { findConfigFile, parseConfigFile, readIfThere } from "./file.ts";
import { type Environment, expandPath, folderOf } from "./folders.ts";
import { HUB_TOOLS_VARIABLES, type HubToolsPaths, hubToolsPaths } from "./hub-tools.ts";
import { isOwnHub } from "./own-hub.ts";
import { refuseWatchedFolders } from "./watch-folders.ts";
import { CONFIG_KEYS, type ConfigKey, type ConfigName, configSchema, type ConfigValues } from "./schema.ts";

export type ConfigOrigin = "flag" | "env" | "file" | "default";

export interface Config extends ConfigValues, HubToolsPaths {
  /** Where each value came from. */
  readonly sources: Readonly<Record<ConfigName, ConfigOrigin>>;
  /** The variables that values of the environment came from. */
  readonly variables: Readonly<Partial<Record<ConfigName, string>>>;
  /** The file that was read, if one was. */
  readonly configFile: string | undefined;
  /**
   * Origins of the hub and of its mirrors where somebody configured them. That allows them to be plain `http:` or to have a
   * private address; it does not allow it to what they redirect to.
   */
  readonly hubOrigins: readonly string[];
}

export interface LoadOptions {
  /** Parsed flags by camelCase name, as commander gives them, with `config` among them; other names are not looked at. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Environment;
  /** Decides the default of `logFormat`. */
  readonly isTerminal?: boolean;
  /** Returns undefined when there is no such file. */
  readonly readFile?: (path: string) => string | undefined;
}

interface Given {
  readonly origin: ConfigOrigin;
  readonly value: unknown;
  /** As an error names it: `--port`, `LARDER_PORT`, `port in /etc/larder.toml`. */
  readonly label: string;
}

/** Names that other parts read or that only tests set. */
const OTHER_ENV = /^LARDER_(?:CONFIG|TOKEN|FAILPOINT|TEST_.*)$/;

/**
 * Flags over environment over file over defaults; the result is frozen. An empty variable counts as unset, and so does an
 * `HF_ENDPOINT` that names our own hub listener.
 *
 * @throws {LarderError} CONFIG naming key, value, what is allowed and where it came from.
 */
export function loadConfig(options: LoadOptions): Config {
  const { flags, env, isTerminal = false, readFile = readIfThere } = options;
  refuseUnknownEnvironment(env);
  const file = findConfigFile(flags, env, readFile);
  const table = file === undefined ? {} : parseConfigFile(file);
  const given = new Map<ConfigName, Given>();
  for (const key of CONFIG_KEYS) given.set(key.name, pick(key, flags, env, table, file?.path));
  const input: Record<string, unknown> = {};
  for (const [name, { value }] of given) if (value !== undefined) input[name] = value;
  input["home"] ??= defaultHome(env);
  input["logFormat"] ??= isTerminal ? "text" : "json";
  const parsed = configSchema.safeParse(input);
  if (!parsed.success) throw refused(parsed.error.issues[0], given);
  const circle = findCircle(parsed.data, given);
  if (circle === "HF_ENDPOINT") return loadConfig({ ...options, env: { ...env, HF_ENDPOINT: undefined } });
  const home = homePath(parsed.data.home, env, given.get("home"));
  const { watchFolders } = parsed.data;
  refuseWatchedFolders(watchFolders, home, given.get("watchFolders")?.label ?? "watch_folders");
  return freeze({
    ...parsed.data,
    ...hubToolsPaths(env),
    home,
    sources: originsOf(given),
    variables: variablesOf(given),
    configFile: file?.path,
    hubOrigins: hubOriginsOf(parsed.data, given),
  });
}

function pick(
  key: ConfigKey,
  flags: LoadOptions["flags"],
  env: Environment,
  table: Readonly<Record<string, unknown>>,
  path: string | undefined,
): Given {
  if (flags[key.name] !== undefined) {
    if (key.secret) throw secretRefused(key.flag, key.key);
    return { origin: "flag", value: flags[key.name], label: key.flag };
  }
  if (env[key.env]) return { origin: "env", value: env[key.env], label: key.env };
  const other = readOther(key, env);
  if (other !== undefined) return other;
  const value = Object.hasOwn(table, key.key) ? table[key.key] : undefined;
  if (value !== undefined) return { origin: "file", value, label: `${key.key} in ${path}` };
  return { origin: "default", value: undefined, label: key.key };
}

function readOther({ name }: ConfigKey, env: Environment): Given | undefined {
  const other = HUB_TOOLS_VARIABLES[name];
  const text = other && env[other.variable];
  const value = text ? other.read(text) : undefined;
  return other === undefined || value === undefined
    ? undefined
    : { origin: "env", value, label: other.variable };
}

/**
 * Finds what would have us ask ourselves.
 *
 * @returns `HF_ENDPOINT` when that does it: clients are told of us by it, so it need not be meant for us.
 * @throws {LarderError} CONFIG when it was meant.
 */
function findCircle(values: ConfigValues, given: ReadonlyMap<ConfigName, Given>): "HF_ENDPOINT" | undefined {
  for (const name of ["hubEndpoint", "hubMirrors"] as const) {
    const own = [values[name]].flat().find((endpoint) => isOwnHub(endpoint, values));
    if (own === undefined) continue;
    const label = given.get(name)?.label ?? name;
    if (label === "HF_ENDPOINT") return label;
    const key = CONFIG_KEYS.find((one) => one.name === name)?.key ?? name;
    throw configError(`Cannot use ${shown(own)} for ${label}: there this larder itself listens`, key, {
      hint: "Name another hub, or give this larder another hub_port.",
      details: { key, value: own, source: given.get(name)?.origin },
    });
  }
  return undefined;
}

function hubOriginsOf(
  { hubEndpoint, hubMirrors }: ConfigValues,
  given: ReadonlyMap<ConfigName, Given>,
): readonly string[] {
  const chosen = given.get("hubEndpoint")?.origin === "default" ? [] : [hubEndpoint];
  return [...new Set([...chosen, ...hubMirrors].map((endpoint) => new URL(endpoint).origin))];
}

function refuseUnknownEnvironment(env: Environment): void {
  const known = new Set(CONFIG_KEYS.map((key) => key.env));
  const unknown = Object.keys(env).find((name) =>
    name.startsWith("LARDER_") && !known.has(name) && !OTHER_ENV.test(name)
  );
  if (unknown === undefined) return;
  throw configError(`Cannot use the environment variable ${unknown}: there is no such setting`, unknown, {
    hint: `Known are LARDER_CONFIG, LARDER_TOKEN, ${[...known].join(", ")}.`,
  });
}

function refused(
  issue: { readonly path: readonly PropertyKey[]; readonly message: string } | undefined,
  given: ReadonlyMap<ConfigName, Given>,
): LarderError {
  const name = issue?.path[0] as ConfigName;
  const { key = String(name), secret = false } = CONFIG_KEYS.find((one) => one.name === name) ?? {};
  const { label, origin, value } = given.get(name) ?? { label: key, origin: "default", value: undefined };
  return configError(secret ? `Cannot use ${label}` : `Cannot use ${shown(value)} for ${label}`, key, {
    hint: `Allowed: ${issue?.message}.`,
    details: { key, ...(secret ? {} : { value: withoutSecrets(value) }), source: origin },
  });
}

function defaultHome(env: Environment): string {
  return join(folderOf(env, "XDG_CACHE_HOME", ".cache"), "larder");
}

/** In the file a relative path would depend on who starts us where, so it is refused. */
function homePath(path: string, env: Environment, given: Given | undefined): string {
  const isFixed = isAbsolute(path) || path === "~" || path.startsWith("~/");
  if (isFixed || given?.origin !== "file") return expandPath(path, env);
  throw configError(`Cannot use ${shown(path)} for ${given.label}`, "home", {
    hint: 'Allowed: an absolute path, or one that starts with "~/".',
    details: { key: "home", value: path, source: "file" },
  });
}

function originsOf(given: ReadonlyMap<ConfigName, Given>): Record<ConfigName, ConfigOrigin> {
  const entries = [...given].map(([name, { origin }]) => [name, origin]);
  return Object.fromEntries(entries) as Record<ConfigName, ConfigOrigin>;
}

function variablesOf(given: ReadonlyMap<ConfigName, Given>): Partial<Record<ConfigName, string>> {
  const entries = [...given].filter(([, { origin }]) => origin === "env");
  return Object.fromEntries(entries.map(([name, { label }]) => [name, label]));
}

function freeze(config: Config): Config {
  for (const value of Object.values(config)) if (typeof value === "object") Object.freeze(value);
  return Object.freeze(config);
}
