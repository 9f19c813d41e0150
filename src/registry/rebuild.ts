import { readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { diskError, systemClock } from "../core/index.ts";
import { type BuildCounts, buildRegistry, type RebuildSource } from "./build.ts";
import { statRegular, syncPath } from "./durable-file.ts";
import { type Condition, type DamageReason, inspectRegistry } from "./inspect.ts";
import { openRegistry, type OpenRegistryOptions, openSound } from "./open.ts";
import { readKept } from "./salvage.ts";
import { MIGRATIONS, schemaVersion } from "./schema.ts";
import { isDamage } from "./sqlite-error.ts";
import { forgetState } from "./state-file.ts";
import type { Registry } from "./types.ts";

export interface RebuildReport extends BuildCounts {
  readonly reason: DamageReason | "missing";
  /** Where the old file went; absent when there was none. */
  readonly movedTo?: string;
  /** Pulls carried over from the old file: all when its pages were whole, else none. */
  readonly pulls: number;
}

export interface OpenOrRebuildOptions extends OpenRegistryOptions {
  readonly source: RebuildSource;
  /** Called once after a rebuild that had something to build from or to move aside; not for a new home. */
  readonly onRebuild?: (report: RebuildReport) => void;
}

/** Damaged registries that stay on disk; older ones are deleted. */
const DAMAGED_KEPT = 3;
const SIDE_FILES = ["-wal", "-shm", "-journal"];

/**
 * Opens the registry like {@link openRegistry}. One that is damaged or missing is built again from `source`: the new file is
 * complete before it takes the name, the old one stays beside it as `<path>.damaged-<time>`.
 */
export async function openOrRebuildRegistry(options: OpenOrRebuildOptions): Promise<Registry> {
  if (options.readonly) return await openRegistry(options);
  try {
    return await openOrRebuild(options);
  } catch (error) {
    throw diskError(error, "open the registry");
  }
}

async function openOrRebuild(options: OpenOrRebuildOptions): Promise<Registry> {
  const { path, migrations = MIGRATIONS } = options;
  const condition = inspectRegistry(path, schemaVersion(migrations));
  if (condition.kind === "sound") {
    const registry = await openSound(options).catch(unlessDamage);
    if (registry) return registry;
  }
  const report = await rebuild(options, reasonOf(condition));
  const isNewHome = report.movedTo === undefined && report.versions + report.blobs + report.skipped === 0;
  if (!isNewHome) options.onRebuild?.(report);
  return await openSound(options);
}

/** A file that was not read through can turn out damaged when it is opened. */
function unlessDamage(error: unknown): undefined {
  if (!isDamage(error)) throw error;
}

function reasonOf(condition: Condition): RebuildReport["reason"] {
  if (condition.kind === "damaged") return condition.reason;
  return condition.kind === "absent" ? "missing" : "damaged pages";
}

async function rebuild(
  { path, source, clock = systemClock, migrations = MIGRATIONS }: OpenOrRebuildOptions,
  reason: RebuildReport["reason"],
): Promise<RebuildReport> {
  const kept = readKept(path);
  const next = `${path}.new`;
  const counts = await buildRegistry(next, migrations, source, kept);
  const movedTo = moveAside(path, clock.nowS());
  renameSync(next, path);
  forgetState(path);
  syncPath(dirname(path));
  return { ...counts, reason, pulls: kept.pulls.length, ...(movedTo === undefined ? {} : { movedTo }) };
}

/** The log goes first: beside the new file it would be taken for its own. */
function moveAside(path: string, nowS: number): string | undefined {
  const stamp = new Date(nowS * 1000).toISOString().replaceAll(/[-:.]/g, "");
  const target = `${path}.damaged-${stamp}`;
  const present = [...SIDE_FILES, ""].filter((suffix) => statRegular(path + suffix) !== undefined);
  for (const suffix of present) renameSync(path + suffix, target + suffix);
  dropOldest(path);
  return present.includes("") ? target : undefined;
}

function dropOldest(path: string): void {
  const folder = dirname(path);
  const prefix = `${basename(path)}.damaged-`;
  const stampOf = (name: string) => name.slice(prefix.length).split("-")[0] ?? "";
  const names = readdirSync(folder).filter((name) => name.startsWith(prefix));
  const stamps = [...new Set(names.map(stampOf))].sort().slice(0, -DAMAGED_KEPT);
  for (const name of names) if (stamps.includes(stampOf(name))) rmSync(join(folder, name), { force: true });
}
