import type { Digest } from "../../core/index.ts";
import type { Registry } from "../../registry/index.ts";

const KEY = "scrub";

/** The blob that is being read: its first chunks are right, as long as the file has not changed since. */
export interface WithinBlob {
  readonly digest: Digest;
  readonly chunk: number;
  readonly modifiedMs: number;
}

/** Where the scrub is, and what it has found so far. Times are Unix seconds. */
export interface ScrubPlace {
  /** The last blob that is done with; empty before the first. */
  after: string;
  within: WithinBlob | null;
  /** Null between passes. */
  passStartedAtS: number | null;
  lastPassAtS: number | null;
  nextPassAtS: number;
  bytesDone: number;
  /** The earliest verification that this pass let count. */
  oldestS: number | null;
  /** This pass was asked for: it reads everything, at any hour. */
  wasAsked: boolean;
  paused: boolean;
  damagedFound: number;
  repaired: number;
}

const FIRST: ScrubPlace = {
  after: "",
  within: null,
  passStartedAtS: null,
  lastPassAtS: null,
  nextPassAtS: 0,
  bytesDone: 0,
  oldestS: null,
  wasAsked: false,
  paused: false,
  damagedFound: 0,
  repaired: 0,
};

/** Where an earlier process was. What cannot be read is as good as nothing: the scrub then begins anew. */
export function readPlace(registry: Pick<Registry, "getSetting">): ScrubPlace {
  try {
    const kept: unknown = JSON.parse(registry.getSetting(KEY) ?? "{}");
    return isPlace(kept) ? { ...FIRST, ...kept } : { ...FIRST };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { ...FIRST };
  }
}

/** Progress may be lost in a power cut: what was read since is then read again. */
export async function writePlace(
  registry: Pick<Registry, "setSetting">,
  place: ScrubPlace,
  options: { readonly durable: boolean },
): Promise<void> {
  await registry.setSetting(KEY, JSON.stringify(place), options);
}

/** Each field that is there has the kind of what it stands for. */
function isPlace(kept: unknown): kept is Partial<ScrubPlace> {
  if (typeof kept !== "object" || kept === null) return false;
  return Object.entries(FIRST).every(([key, first]) => {
    const value: unknown = Reflect.get(kept, key);
    if (value === undefined || (value === null && first === null)) return true;
    return first === null
      ? key === "within" ? typeof value === "object" : typeof value === "number"
      : typeof value === typeof first;
  });
}
