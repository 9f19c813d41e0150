import { join } from "node:path";
import type { Config } from "../config/index.ts";

/** `sun_path` of unix(7) has 108 bytes on Linux and 104 on macOS, the last one a NUL. */
export const SOCKET_PATH_BYTES_MAX = process.platform === "darwin" ? 103 : 107;

/** Where the owner of a home listens for the verbs of other processes. */
export function socketPathOf({ home }: Pick<Config, "home">): string {
  return join(home, "larder.sock");
}
