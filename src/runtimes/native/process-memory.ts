import { readFileSync } from "node:fs";

/** Memory that only this process uses, without pages of files, in bytes; zero where the system does not say. @see proc_pid_status(5). */
export function ownMemory(): number {
  return read("/proc/self/status", "RssAnon");
}

/**
 * What another process adds to the memory in use, in bytes: pages that it shares count in part. Zero when it is gone.
 *
 * @see proc_pid_smaps(5). It takes the system up to a millisecond.
 */
export function memoryOf(pid: number): number {
  return read(`/proc/${pid}/smaps_rollup`, "Pss");
}

function read(path: string, name: string): number {
  return 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(textOf(path))?.[1] ?? 0);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // No such process any more, or no such system: then nothing is held that we could tell.
    return "";
  }
}
