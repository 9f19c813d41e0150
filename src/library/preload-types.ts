import type { FollowUse, HourUse, PreloadRow } from "../registry/index.ts";
import type { ModelTarget } from "./model-types.ts";

export type { FollowUse, HourUse, PreloadRow };

/** What a name means now, and how that was used. */
export interface FoundVariant {
  readonly model: string;
  readonly version: string;
  readonly variant: string;
  /** Of its files. */
  readonly sizeBytes: number;
  readonly count: number;
  /** Of the last use; of its arrival when it was never used. */
  readonly usedAtS: number;
}

/** Which models were used when, whatever their version. */
export interface UseHistory {
  readonly hours: readonly HourUse[];
  readonly follows: readonly FollowUse[];
  /** What was used last in this process. */
  readonly last?: LastUse;
}

export interface LastUse {
  readonly model: string;
  readonly variant: string;
  readonly atS: number;
}

/** Requests that wait while others take what they need. */
export interface Pressure {
  /** For a model to be loaded. */
  readonly memory: number;
  /** For their turn at a loaded model. */
  readonly processor: number;
}

/** What preloading needs of the library beside its models. */
export interface PreloadSupport {
  /** First to be preloaded first, as far as users have said it. */
  listQueue(): PreloadRow[];
  /** Inserts or replaces by reference. */
  putQueue(rows: readonly PreloadRow[]): Promise<void>;
  /** Those with these references, or all. @returns How many there were. */
  removeFromQueue(references?: readonly string[]): Promise<number>;
  /** @throws {LarderError} MODEL_NOT_FOUND, VERSION_NOT_FOUND, VARIANT_NOT_FOUND: it is not here. */
  find(target: ModelTarget): FoundVariant;
  history(): Pick<UseHistory, "hours" | "follows">;
  lastUse(): LastUse | undefined;
  pressure(): Pressure;
  /** What was kept under this name; undefined when nothing was. */
  recall(name: string): unknown;
  /** Keeps a JSON-able value; with `durable: false` it may be lost in a power cut, not when the process is killed. */
  keep(name: string, value: unknown, options?: { readonly durable?: boolean }): Promise<void>;
}
