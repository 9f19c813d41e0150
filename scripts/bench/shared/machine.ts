import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem, type as systemName } from "node:os";
import type { Processes } from "./processes.ts";
import { findTool } from "./tools.ts";
import { type Environment, GIB } from "./types.ts";

/** How each program is asked for its version, and where in the answer it is. */
const VERSION: Readonly<Record<string, readonly [argument: string, pattern: RegExp]>> = {
  nginx: ["-v", /nginx\/(\S+)/],
  curl: ["--version", /^curl (\S+)/],
  aria2c: ["--version", /version (\S+)/],
  openssl: ["version", /^OpenSSL (\S+)/],
  wrk: ["-v", /^wrk (\S+)/],
};

export async function describeEnvironment(
  { processes, larder, folder, tools }: {
    readonly processes: Processes;
    readonly larder: string;
    readonly folder: string;
    readonly tools: readonly string[];
  },
): Promise<Environment> {
  const { version, commit, bun } = JSON.parse(await processes.run([larder, "version", "--json"]));
  const versions: Record<string, string> = { larder: `${version} ${commit}`.trim(), bun };
  for (const tool of tools) if (VERSION[tool]) versions[tool] = await versionOf(processes, tool);
  const machine = {
    cores: String(availableParallelism()),
    processor: cpus()[0]?.model ?? "unknown",
    memory: `${(totalmem() / GIB).toFixed(1)} GiB`,
    kernel: `${systemName()} ${release()}`,
    "file system": fileSystemOf(folder),
  };
  return { machine, versions };
}

export function loadNow(): number {
  return Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]);
}

/** Both streams and any exit code: nginx answers on stderr, wrk with 1. */
async function versionOf(processes: Processes, tool: string): Promise<string> {
  const [argument, pattern] = VERSION[tool] ?? ["", /$/];
  const text = await processes.run(["sh", "-c", '"$@" 2>&1 || :', "sh", findTool(tool), argument]);
  return pattern.exec(text)?.[1] ?? "unknown";
}

/** The mount with the longest name that the folder is below. */
function fileSystemOf(folder: string): string {
  const mounts = readFileSync("/proc/mounts", "utf8").trimEnd().split("\n").map((line) => line.split(" "));
  const isAbove = (mount: string) => mount === "/" || folder === mount || folder.startsWith(`${mount}/`);
  const above = mounts.filter(([, mount = ""]) => isAbove(mount));
  const deepest = above.toSorted(([, a = ""], [, b = ""]) => a.length - b.length).at(-1);
  return deepest?.[2] ?? "unknown";
}
