import { isAbsolute, join, resolve } from "node:path";
import type { LarderError } from "../core/index.ts";
import { configError, shown } from "./config-error.ts";
import { findConfigFile, parseConfigFile, readIfThere } from "./file.ts";
import { type Environment, folderOf, userFolder } from "./folders.ts";
import { CONFIG_KEYS, type ConfigKey, type ConfigName, configSchema, type ConfigValues } from "./schema.ts";

export type ConfigOrigin = "flag" | "env" | "file" | "default";

export interface Config extends ConfigValues {
  /** Where each value came from. */
  readonly sources: Readonly<Record<ConfigName, ConfigOrigin>>;
  /** The file that was read, if one was. */
  readonly configFile: string | undefined;
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
 * Flags over environment over file over defaults; the result is frozen. An empty variable counts as unset.
 *
 * @throws {LarderError} CONFIG naming key, value, what is allowed and where it came from.
 */
export function loadConfig({ flags, env, isTerminal = false, readFile = readIfThere }: LoadOptions): Config {
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
  const values = { ...parsed.data, home: homePath(parsed.data.home, env, given.get("home")) };
  return freeze({ ...values, sources: originsOf(given), configFile: file?.path });
}

function pick(
  key: ConfigKey,
  flags: LoadOptions["flags"],
  env: Environment,
  table: Readonly<Record<string, unknown>>,
  path: string | undefined,
): Given {
  if (flags[key.name] !== undefined) return { origin: "flag", value: flags[key.name], label: key.flag };
  if (env[key.env]) return { origin: "env", value: env[key.env], label: key.env };
  const value = Object.hasOwn(table, key.key) ? table[key.key] : undefined;
  if (value !== undefined) return { origin: "file", value, label: `${key.key} in ${path}` };
  return { origin: "default", value: undefined, label: key.key };
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
  const key = CONFIG_KEYS.find((one) => one.name === name)?.key ?? String(name);
  const { label, origin, value } = given.get(name) ?? { label: key, origin: "default", value: undefined };
  return configError(`Cannot use ${shown(value)} for ${label}`, key, {
    hint: `Allowed: ${issue?.message}.`,
    details: { key, value, source: origin },
  });
}

function defaultHome(env: Environment): string {
  return join(folderOf(env, "XDG_CACHE_HOME", ".cache"), "larder");
}

/** `~/` is the user's folder. In the file a relative path would depend on who starts us where, so it is refused. */
function homePath(path: string, env: Environment, given: Given | undefined): string {
  if (path === "~" || path.startsWith("~/")) return join(userFolder(env), path.slice(1));
  if (given?.origin !== "file" || isAbsolute(path)) return resolve(path);
  throw configError(`Cannot use ${shown(path)} for ${given.label}`, "home", {
    hint: 'Allowed: an absolute path, or one that starts with "~/".',
    details: { key: "home", value: path, source: "file" },
  });
}

function originsOf(given: ReadonlyMap<ConfigName, Given>): Record<ConfigName, ConfigOrigin> {
  const entries = [...given].map(([name, { origin }]) => [name, origin]);
  return Object.fromEntries(entries) as Record<ConfigName, ConfigOrigin>;
}

function freeze(config: Config): Config {
  for (const value of Object.values(config)) if (typeof value === "object") Object.freeze(value);
  return Object.freeze(config);
}
