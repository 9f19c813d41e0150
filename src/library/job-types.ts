import type { ErrorRecord } from "../core/index.ts";
import type { ClearResult } from "./catalog-types.ts";
import type { EvictedVariant } from "./budget-types.ts";
import type { HubCacheImportView } from "./hub-types.ts";
import type { TuneResult } from "./options-types.ts";
import type { ImportView } from "./types.ts";

/** Which blobs an upkeep job looks at: a reference (`iris@1.2.0`), a digest, or everything. */
export interface UpkeepRequest {
  readonly targets?: readonly string[];
  readonly dry_run?: boolean;
  /** gc only: files younger than this stay. */
  readonly grace_s?: number;
}

export interface DamageView {
  readonly sha256: string;
  readonly size_bytes: number;
  readonly state: "damaged" | "missing";
  readonly bad_chunks: readonly number[];
  readonly chunk_count: number;
  /** Files that have these bytes, `model@version/path`, at most 10. */
  readonly used_by: readonly string[];
}

export type JobKind = "verify" | "repair" | "gc" | "import" | "clear" | "tune";

export interface JobView {
  readonly id: string;
  readonly kind: JobKind;
  readonly state: "running" | "done" | "failed" | "cancelled";
  readonly bytes_done: number;
  readonly bytes_total: number | null;
  readonly created_at: number;
  readonly finished_at: number | null;
  readonly dry_run: boolean;
  readonly result:
    | VerifyResult
    | RepairResult
    | GcResult
    | ImportView
    | HubCacheImportView
    | ClearResult
    | TuneResult
    | null;
  readonly error: ErrorRecord | null;
}

export interface VerifyResult {
  readonly blobs: number;
  readonly bytes: number;
  readonly intact: number;
  readonly damaged: readonly DamageView[];
}

export interface RepairResult {
  readonly repaired: ReadonlyArray<
    { readonly sha256: string; readonly bytes_fetched: number; readonly chunks_fetched: number }
  >;
  readonly failed: ReadonlyArray<{ readonly sha256: string; readonly error: ErrorRecord }>;
}

export interface GcResult {
  readonly blobs: number;
  readonly parts: number;
  /** Of these blobs and parts. */
  readonly bytes_freed: number;
  readonly dry_run: boolean;
  readonly digests: readonly string[];
  /** Variants that left because of the disk budget, in a dry run those that would. */
  readonly evicted: readonly EvictedVariant[];
}
