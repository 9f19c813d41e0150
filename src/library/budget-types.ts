import type { Share } from "../core/index.ts";

/** Who leaves the disk first: least recently used, least often used, largest, cheapest to bring back for what it is used. */
export type DiskPolicy = "oldest" | "least_used" | "largest" | "cost";

export interface DiskBudgetSettings {
  /** What everything in the home may take, of the file system; 0 sets no budget. */
  readonly bytesMax: Share;
  /** What stays free on the file system. */
  readonly freeMin: Share;
  readonly policy: DiskPolicy;
}

export interface EvictedVariant {
  readonly model: string;
  readonly version: string;
  readonly variant: string;
  /** That nothing else points to: what its leaving frees. */
  readonly bytes: number;
  readonly reason: string;
}

export interface KeptVariant {
  readonly model: string;
  readonly version: string;
  readonly variant: string;
  /** Of its files, each blob once, shared ones included. */
  readonly size_bytes: number;
  readonly reason: string;
}

/** What the disk budget does, and would do. */
export interface DiskExplanation {
  /** Null when there is no budget. */
  readonly budget_bytes: number | null;
  /** Blobs and partial downloads. */
  readonly used_bytes: number;
  /** What running pulls will write beside that. */
  readonly reserved_bytes: number;
  readonly free_bytes: number;
  readonly free_min_bytes: number;
  readonly policy: DiskPolicy;
  /** What has to be freed now. */
  readonly excess_bytes: number;
  /** Who goes for that, the first to go first. */
  readonly victims: readonly EvictedVariant[];
  /** Who goes after them when more room is needed; the first of many. */
  readonly next: readonly KeptVariant[];
  /** Who stays whatever happens, and why; the first of many. */
  readonly kept: readonly KeptVariant[];
}

/** The disk budget as the API writes it. */
export interface DiskBudgetView {
  /** As it was given: bytes, or a percentage of the file system. */
  readonly bytes_max: Share;
  readonly free_min: Share;
  readonly policy: DiskPolicy;
}

/** The disk budget of the home, for those who look after it. */
export interface DiskBudgetApi {
  explain(): Promise<DiskExplanation>;
  getSettings(): Promise<DiskBudgetView>;
  /** From now on, until larder stops. What has to leave for it leaves after the answer. */
  setSettings(changes: Partial<DiskBudgetView>): Promise<DiskBudgetView>;
}
