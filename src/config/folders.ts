import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

export type Environment = Readonly<Record<string, string | undefined>>;

/** @see XDG Base Directory Specification: a relative path is invalid and ignored. */
export function folderOf(env: Environment, variable: string, below: string): string {
  const folder = env[variable];
  return folder && isAbsolute(folder) ? folder : join(userFolder(env), below);
}

export function userFolder(env: Environment): string {
  return env["HOME"] || homedir();
}

/** An absolute path: `~/` is the user's folder, anything else that is relative lies below the current one. */
export function expandPath(path: string, env: Environment): string {
  return path === "~" || path.startsWith("~/") ? join(userFolder(env), path.slice(1)) : resolve(path);
}
