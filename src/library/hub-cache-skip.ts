import { diskError, isLarderError, LarderError, systemCode } from "../core/index.ts";

/** Tells of something that is left out. @param place From the cache folder on. */
export type Skip = (place: string, error: LarderError) => void;

/**
 * Runs work on one thing of a cache. What keeps this thing from being taken is told, and undefined comes back; everything else is
 * thrown, as is what would keep all others from being taken too.
 */
export async function orSkip<T>(skip: Skip, place: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    const known = isLarderError(error) ? error : readError(place, error);
    if (known === undefined || ENDS_ALL.has(known.code)) throw error;
    skip(place, known);
    return undefined;
  }
}

const ENDS_ALL: ReadonlySet<string> = new Set([
  ...["BUSY", "CANCELLED", "NO_INODES", "NO_SPACE", "READONLY", "SHUTTING_DOWN", "STORE_GONE", "TOO_MANY"],
]);

function readError(place: string, error: unknown): LarderError | undefined {
  const known = diskError(error, `read ${place}`);
  if (known instanceof LarderError) return known;
  const errno = systemCode(error);
  return errno === undefined ? undefined : badSource(place, errno, error);
}

export function badSource(place: string, reason: string, cause?: unknown): LarderError {
  return new LarderError("BAD_SOURCE", `Cannot take ${place}: ${reason}`, { cause });
}

export function unsafe(place: string, reason: string): LarderError {
  return new LarderError("UNSAFE_PATH", `Cannot take ${place}: ${reason}`, {
    hint: "Look at this path: the hub's own tools do not make it so.",
  });
}
