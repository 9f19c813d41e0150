import type { StrategyName } from "./strategies/index.ts";

// The shapes below are what the HTTP API and `--json` show: snake_case keys, Unix seconds, bytes.

export interface PreloadConfig {
  /** False: only what was loaded before a restart is loaded by itself. */
  readonly enabled: boolean;
  readonly strategy: StrategyName;
  /** Models that are loaded at once. */
  readonly batch_size: number;
  /** Between two batches. */
  readonly delay_ms: number;
}

export interface PreloadRequest {
  readonly model: string;
  readonly version?: string;
  readonly variant?: string;
  /** A whole number, 0 by default; larger comes first, before the strategy is asked. */
  readonly priority?: number;
}

export interface PreloadEntry {
  /** `model[@version-or-alias][:variant]`, looked up when its turn comes. */
  readonly reference: string;
  /** `pattern`: nobody has put it into the queue; it is likely to be used soon. */
  readonly origin: "user" | "restart" | "pattern";
  /** The user's, and beyond the point what the strategy makes of it; larger comes first. */
  readonly priority: number;
  /** "was used 12 times" */
  readonly reason: string;
  readonly user_priority: number;
  readonly added_at: number;
  /** `skipped` ones stay in the queue and are looked at again. */
  readonly state: "waiting" | "loading" | "skipped";
  /** Why it was skipped last. */
  readonly skipped: string | null;
}

export interface PreloadView {
  /** `yielding`: requests wait for memory or for their turn; they come first. `off`: nothing is loaded by itself. */
  readonly state: "idle" | "loading" | "yielding" | "off";
  readonly config: PreloadConfig;
  /** The first to be loaded first. */
  readonly queue: readonly PreloadEntry[];
}

/** Since the home was made. */
export interface PreloadStats {
  /** Loads that ended: `successful` and `failed` ones. What was skipped was not begun. */
  readonly total_preloaded: number;
  readonly successful: number;
  readonly failed: number;
  /** Counted once for each reason that a model was skipped for. */
  readonly skipped: number;
  /** Of successful loads. */
  readonly total_time_ms: number;
  /** Of `total_preloaded`, 0 to 1; 0 before the first. */
  readonly success_rate: number;
  /** Of a successful load; 0 before the first. */
  readonly avg_time_ms: number;
}

export interface PreloadResult {
  readonly reference: string;
  /** `gave_way`: a request needed the room; it stays in the queue. */
  readonly outcome: "loaded" | "skipped" | "failed" | "gave_way";
  /** "does not fit: …"; null where it was loaded. */
  readonly reason: string | null;
  /** That the load took; null where none ended well. */
  readonly load_ms: number | null;
}

/** What to load before anybody asks. JSON-able, for verbs and routes. */
export interface Preload {
  list(): Promise<PreloadView>;
  /**
   * What is in the queue already gets the new priority and keeps its place.
   *
   * @returns The references as they stand in the queue.
   * @throws {LarderError} BAD_NAME, BAD_REFERENCE, BAD_BODY; TOO_MANY when the queue is full.
   */
  add(requests: readonly PreloadRequest[]): Promise<readonly string[]>;
  /** One by its reference, or all. @returns How many there were. */
  remove(reference?: string): Promise<number>;
  /** @throws {LarderError} BAD_BODY */
  configure(changes: Partial<PreloadConfig>): Promise<PreloadConfig>;
  stats(): Promise<PreloadStats>;
  /** Goes through the whole queue once, now, whether or not preloading is enabled. */
  process(signal?: AbortSignal): Promise<readonly PreloadResult[]>;
}
