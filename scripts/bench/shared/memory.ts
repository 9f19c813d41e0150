import { readFileSync } from "node:fs";
import { MIB } from "./types.ts";

/** As the kernel counts them: `rss` with the executable's own pages, `anonymous` without. */
export interface Memory {
  readonly rss: number;
  readonly pss: number;
  readonly anonymous: number;
}

const FIELDS = { rss: "Rss", pss: "Pss", anonymous: "Anonymous" } as const;
export const MEMORY_KINDS = Object.keys(FIELDS) as (keyof Memory)[];

/** Memory of a process in MiB. `smaps_rollup` is exact; the numbers of `statm` lag behind by some MiB on many cores. */
export function readMemory(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return forEachKind((kind) => {
    const kib = new RegExp(`^${FIELDS[kind]}:\\s+(\\d+) kB`, "m").exec(text)?.[1];
    return Number(kib) * 1024 / MIB;
  });
}

/** Samples until the work is done. @returns The largest of each kind. */
export async function peakMemory(
  pid: number,
  everyMs: number,
  work: () => Promise<unknown>,
): Promise<Memory> {
  let peak = readMemory(pid);
  const sample = () => {
    const now = readMemory(pid);
    peak = forEachKind((kind) => Math.max(peak[kind], now[kind]));
  };
  const timer = setInterval(sample, everyMs);
  try {
    await work();
    sample();
  } finally {
    clearInterval(timer);
  }
  return peak;
}

export function forEachKind(value: (kind: keyof Memory) => number): Memory {
  return { rss: value("rss"), pss: value("pss"), anonymous: value("anonymous") };
}
