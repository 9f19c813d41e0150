import { join } from "node:path";
import { type Environment, expandPath, folderOf } from "./folders.ts";

interface HubToolsVariable {
  readonly variable: string;
  /** What the hub's own tools take it for; undefined where they take it for unset. */
  readonly read: (text: string) => unknown;
}

/**
 * Settings that variables of the hub's own tools stand for as well; a variable of ours comes first.
 *
 * @see https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
 */
export const HUB_TOOLS_VARIABLES: Readonly<Record<string, HubToolsVariable>> = {
  hubEndpoint: { variable: "HF_ENDPOINT", read: (text) => text },
  hubToken: { variable: "HF_TOKEN", read: (text) => text.trim() || undefined },
  offline: { variable: "HF_HUB_OFFLINE", read: (text) => /^(?:1|on|yes|true)$/i.test(text) },
};

export interface HubToolsPaths {
  /** The file in which the hub's own tools keep their token: `HF_TOKEN_PATH`, else `token` in their folder. */
  readonly hubToolsTokenPath: string;
  /** The folder in which they keep files: `HF_HUB_CACHE`, else `hub` in their folder. */
  readonly hubToolsCachePath: string;
}

/** Where the hub's own tools keep things: below `HF_HOME`, else `huggingface` in the user's cache. Nothing need be there. */
export function hubToolsPaths(env: Environment): HubToolsPaths {
  const folder = given(env, "HF_HOME") ?? join(folderOf(env, "XDG_CACHE_HOME", ".cache"), "huggingface");
  return {
    hubToolsTokenPath: given(env, "HF_TOKEN_PATH") ?? join(folder, "token"),
    hubToolsCachePath: given(env, "HF_HUB_CACHE") ?? join(folder, "hub"),
  };
}

function given(env: Environment, variable: string): string | undefined {
  const path = env[variable];
  return path ? expandPath(path, env) : undefined;
}
