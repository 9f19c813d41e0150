import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { systemCode } from "../core/index.ts";
import { configError, secretRefused, shown } from "./config-error.ts";
import { type Environment, folderOf } from "./folders.ts";
import { CONFIG_KEYS } from "./schema.ts";

export interface ConfigFile {
  readonly path: string;
  readonly text: string;
}

/** A file that was named must be there; the user's own file may be. The current directory is never looked at. */
export function findConfigFile(
  flags: Readonly<Record<string, unknown>>,
  env: Environment,
  readFile: (path: string) => string | undefined,
): ConfigFile | undefined {
  const flag = flags["config"];
  const named = typeof flag === "string" ? flag : env["LARDER_CONFIG"] || undefined;
  const path = named === undefined
    ? join(folderOf(env, "XDG_CONFIG_HOME", ".config"), "larder", "larder.toml")
    : resolve(named);
  const text = readText(path, readFile);
  if (text !== undefined) return { path, text };
  if (named === undefined) return undefined;
  const label = typeof flag === "string" ? "--config" : "LARDER_CONFIG";
  throw configError(
    `Cannot read the configuration ${path} that ${label} names: there is no such file`,
    "config",
  );
}

function readText(path: string, readFile: (path: string) => string | undefined): string | undefined {
  try {
    return readFile(path);
  } catch (error) {
    throw configError(
      `Cannot read the configuration ${path}: ${systemCode(error) ?? "unreadable"}`,
      "config",
      {
        cause: error,
      },
    );
  }
}

export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return undefined;
    throw error;
  }
}

export function parseConfigFile({ path, text }: ConfigFile): Record<string, unknown> {
  const table = readToml(path, text);
  const known = new Set(CONFIG_KEYS.map((key) => key.key));
  const secret = CONFIG_KEYS.find((one) => one.secret && Object.hasOwn(table, one.key));
  if (secret !== undefined) throw secretRefused(`${secret.key} in ${path}`, secret.key);
  const unknown = Object.keys(table).find((key) => !known.has(key));
  if (unknown === undefined) return table;
  throw configError(`Cannot use ${shown(unknown)} in ${path}: there is no such setting`, unknown, {
    hint: `Known are ${[...known].join(", ")}.`,
  });
}

function readToml(path: string, text: string): Record<string, unknown> {
  try {
    return Bun.TOML.parse(text) as Record<string, unknown>;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw configError(`Cannot read the configuration ${path} as TOML: ${reason}`, "config", { cause: error });
  }
}
