import type { JobView } from "./job-types.ts";

/** A variant that is on the disk, and how it was used. What was used in the last second may not be counted yet. */
export interface UseView {
  readonly model: string;
  readonly version: string;
  readonly variant: string;
  /** Calls to it in memory, files of it that were served, and questions for its folder. */
  readonly access_count: number;
  /** Null when it was never used. */
  readonly last_used_at: number | null;
  /** Since it came. */
  readonly age_seconds: number;
  /** Since its last use; since it came when there was none. */
  readonly idle_seconds: number;
  /** Mean of its loads; null before the first. */
  readonly load_ms: number | null;
  /** Of its files, each blob once. */
  readonly size_bytes: number;
  /** What it takes in memory now; null when it is not loaded. */
  readonly memory_bytes: number | null;
}

export interface CachedQuery {
  /** All that is here, most recently used first; or what is loaded. */
  readonly where?: "disk" | "memory";
  readonly limit?: number;
}

export interface ModelUseView {
  readonly model: string;
  readonly variants: readonly UseView[];
}

export interface UsageView {
  /** Of all blobs, each once. */
  readonly total_bytes: number;
  readonly models: number;
  readonly versions: number;
  readonly blobs: number;
  /** What blobs may take; null when there is no budget. */
  readonly budget_bytes: number | null;
  /** Of the budget; null when there is none. */
  readonly usage_percent: number | null;
  /** Of the disk that the home is on; null when it cannot be asked. */
  readonly disk: { readonly total_bytes: number; readonly free_bytes: number } | null;
}

export interface ClearRequest {
  /** Has to be true: everything goes. */
  readonly confirm: boolean;
}

export interface ClearResult {
  readonly models: number;
  readonly versions: number;
  readonly bytes_freed: number;
  /** Models that stayed, and why. */
  readonly left_out: ReadonlyArray<{ readonly model: string; readonly reason: string }>;
}

/** Questions about all that is here. */
export interface Catalog {
  cached(query?: CachedQuery): Promise<UseView[]>;
  /** Least recently used first; what was never used counts from when it came. */
  oldest(limit?: number): Promise<UseView[]>;
  /** Least often used first, of those the least recently used. */
  leastUsed(limit?: number): Promise<UseView[]>;
  usage(): Promise<UsageView>;
  /**
   * Of all variants that a reference may mean: of every version when it names none.
   *
   * @throws {LarderError} BAD_REFERENCE, MODEL_NOT_FOUND, VERSION_NOT_FOUND, VARIANT_NOT_FOUND
   */
  use(reference: string): Promise<ModelUseView>;
  /** Removes every model but those that are being pulled. @throws {LarderError} BAD_BODY when it is not confirmed. */
  clear(request: ClearRequest): Promise<JobView>;
}
