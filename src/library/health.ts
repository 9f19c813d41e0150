import { isLarderError, LarderError } from "../core/index.ts";
import type { Registry } from "../registry/index.ts";
import type { BlobStore } from "../store/index.ts";
import type { HealthView, ScrubView } from "./types.ts";

const FREE_BYTES_LOW = 64 * 1024 * 1024;

type Reason = HealthView["reasons"][number];

/** Ready while reads work; what is wrong with writes is named and not fatal. */
export async function health(deps: {
  readonly registry: Pick<Registry, "stats">;
  readonly store: Pick<BlobStore, "space" | "problems">;
  readonly version: string;
  readonly pullsRunning: number;
  readonly watchedProblems: () => readonly string[];
  readonly scrub: () => ScrubView;
}): Promise<HealthView> {
  const reasons: Reason[] = [...deps.store.problems()];
  const disk = await deps.store.space().catch((error: unknown) => {
    reasons.push({ part: "store", reason: reasonOf(error) });
    return undefined;
  });
  if (disk !== undefined && disk.freeBytes - disk.reservedBytes < FREE_BYTES_LOW) {
    reasons.push({
      part: "disk",
      reason: `${disk.freeBytes} bytes free, of which ${disk.reservedBytes} are reserved`,
    });
  }
  reasons.push(...deps.watchedProblems().map((reason) => ({ part: "watched", reason }) as const));
  const registryFault = readRegistry(deps.registry);
  if (registryFault !== undefined) reasons.push({ part: "registry", reason: registryFault });
  const scrub = registryFault === undefined ? deps.scrub() : null;
  if (scrub !== null && scrub.lost > 0) reasons.push({ part: "store", reason: lossOf(scrub) });
  return {
    ready: disk !== undefined && registryFault === undefined,
    status: reasons.length === 0 ? "ok" : "degraded",
    reasons,
    version: deps.version,
    disk: disk === undefined
      ? null
      : { total_bytes: disk.totalBytes, free_bytes: disk.freeBytes, reserved_bytes: disk.reservedBytes },
    pulls_running: deps.pullsRunning,
    scrub,
  };
}

/** No names: health has no guard. */
function lossOf({ lost, state }: ScrubView): string {
  const what = lost === 1 ? "1 blob is damaged or missing" : `${lost} blobs are damaged or missing`;
  return state === "running" || state === "waiting"
    ? `${what}; larder tries to repair what it can, see \`larder scrub\``
    : `${what}; \`larder repair\` fetches what is bad again`;
}

function readRegistry(registry: Pick<Registry, "stats">): string | undefined {
  try {
    registry.stats();
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

function reasonOf(error: unknown): string {
  return isLarderError(error) ? error.message : new LarderError("IO", "Cannot read it").message;
}
