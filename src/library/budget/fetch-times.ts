import type { AccessRow, PullRow, Registry } from "../../registry/index.ts";

/** Pulls that are looked through for how long they took. */
const PULLS_MAX = 1000;
/** What a network is taken to bring where nothing was measured: 10 MB/s. */
const BYTES_PER_MS = 10_000;

/**
 * How long it takes to have a variant here, in milliseconds: as long as its longest pull took, because one that found its bytes here
 * says nothing. What was never pulled is estimated from its bytes.
 */
export function fetchTimes(registry: Pick<Registry, "listPulls">): (variant: AccessRow) => number {
  const known = new Map<string, number>();
  for (const pull of registry.listPulls({ limit: PULLS_MAX, states: ["done"] })) {
    const name = nameOf(pull);
    known.set(name, Math.max(known.get(name) ?? 0, tookMs(pull)));
  }
  return (variant) => known.get(nameOf(variant)) ?? variant.sizeBytes / BYTES_PER_MS;
}

function tookMs({ createdAtS, finishedAtS = createdAtS }: PullRow): number {
  return Math.max(0, finishedAtS - createdAtS) * 1000;
}

function nameOf({ model, version = "", variant }: Pick<PullRow, "model" | "version" | "variant">): string {
  return `${model}@${version}:${variant}`;
}
