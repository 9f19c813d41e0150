import { readFileSync } from "node:fs";
import { freemem } from "node:os";
import { join } from "node:path";

/** Where Linux says what memory there is; a parameter so that a test can have its own. */
export interface MemoryFiles {
  readonly meminfo: string;
  /** Which cgroups this process is in. */
  readonly ownCgroups: string;
  /** Where the hierarchies of cgroups are mounted. */
  readonly cgroup: string;
}

const LINUX: MemoryFiles = {
  meminfo: "/proc/meminfo",
  ownCgroups: "/proc/self/cgroup",
  cgroup: "/sys/fs/cgroup",
};

/** Names of the same things in the two versions of cgroups. */
interface CgroupNames {
  readonly limits: readonly string[];
  readonly usage: string;
  /** In `memory.stat`: file pages that nobody used for a while, which are given back when memory is asked for. */
  readonly idleFiles: string;
}

const V2: CgroupNames = {
  limits: ["memory.max", "memory.high"],
  usage: "memory.current",
  idleFiles: "inactive_file",
};
const V1: CgroupNames = {
  limits: ["memory.limit_in_bytes"],
  usage: "memory.usage_in_bytes",
  idleFiles: "total_inactive_file",
};

/**
 * Memory that could be used now, in bytes: what the system can give without swapping, within the limits of the cgroups that this
 * process is in, the inner and the outer ones.
 *
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html and, for version 1, cgroup-v1/memory.html
 */
export function availableMemoryBytes(files: MemoryFiles = LINUX): number {
  const system = /^MemAvailable:\s+(\d+) kB$/m.exec(readIfThere(files.meminfo) ?? "")?.[1];
  const systemBytes = system === undefined ? freemem() : Number(system) * 1024;
  return Math.min(systemBytes, ...roomInCgroups(files));
}

function roomInCgroups(files: MemoryFiles): number[] {
  const own = readIfThere(files.ownCgroups) ?? "0::/";
  // `3:cpu,memory:/a/b` in version 1, `0::/a/b` in version 2; where both are mounted, the one with the controller counts.
  const v1 = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m.exec(own)?.[1];
  if (v1 !== undefined) return roomAlong(join(files.cgroup, "memory"), v1, V1);
  return roomAlong(files.cgroup, /^0::(.*)$/m.exec(own)?.[1] ?? "/", V2);
}

/** From the inner cgroup to the outermost. In a container the path may be the host's, and only the last folder there. */
function roomAlong(mount: string, path: string, names: CgroupNames): number[] {
  const steps = path.split("/").filter((name) => name !== "" && name !== "..");
  return [...steps, ""].flatMap((_, up) =>
    roomIn(join(mount, ...steps.slice(0, steps.length - up)), names) ?? []
  );
}

/** Undefined without a limit: "max", a missing file. */
function roomIn(folder: string, { limits, usage, idleFiles }: CgroupNames): number | undefined {
  const limit = Math.min(...limits.map((name) => numberIn(join(folder, name)) ?? Infinity));
  const used = numberIn(join(folder, usage));
  if (limit === Infinity || used === undefined) return undefined;
  const stat = readIfThere(join(folder, "memory.stat")) ?? "";
  const idle = Number(new RegExp(`^${idleFiles} (\\d+)$`, "m").exec(stat)?.[1] ?? 0);
  return Math.max(0, limit - Math.max(0, used - idle));
}

function numberIn(path: string): number | undefined {
  const text = readIfThere(path)?.trim();
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Not Linux, or not to be read: then this says nothing of a limit.
    return undefined;
  }
}
