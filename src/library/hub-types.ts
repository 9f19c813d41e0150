import type { ErrorRecord } from "../core/index.ts";
import type { Gating, ModelFormat, RepoKind } from "../hub/index.ts";
import type { VariantStatus } from "../registry/index.ts";

// What the HTTP API and `--json` show of hub repositories: snake_case keys, Unix seconds, bytes.

export interface ScanRequest {
  /** `acme/tiny`, `datasets/acme/texts`, `spaces/acme/demo`, or a legacy name without a namespace. */
  readonly model: string;
  /** A branch, a tag or a commit; default `main`. */
  readonly revision?: string;
}

export interface ManifestVariantView {
  readonly name: string;
  readonly format: ModelFormat;
  readonly quantization: string | null;
  readonly status: VariantStatus;
  /** Common files included. */
  readonly size_bytes: number;
  readonly bytes_done: number;
  readonly files: readonly string[];
  /** What a pull without a variant takes. */
  readonly is_default: boolean;
  /** What is still missing of it would fit now, other pulls' reservations taken into account. */
  readonly fits_disk: boolean;
  /** Its weights would fit the memory that is available now. */
  readonly fits_memory: boolean;
  /** Of the last try that failed. */
  readonly error: ErrorRecord | null;
  /** When the status became what it is, as far as it was noted. */
  readonly updated_at: number | null;
}

/** What one version of a hub repository offers. */
export interface ManifestView {
  readonly model: string;
  readonly kind: RepoKind;
  /** What was asked for. */
  readonly revision: string;
  /** The commit: 40 hexadecimal digits. */
  readonly version: string;
  readonly endpoint: string;
  readonly scanned_at: number;
  readonly pipeline_task: string | null;
  readonly library_name: string | null;
  readonly tags: readonly string[];
  readonly license: string | null;
  readonly gated: Gating;
  readonly private: boolean;
  readonly last_modified: number | null;
  readonly architecture: string | null;
  readonly parameters: number | null;
  readonly context_length: number | null;
  /** Of all files. */
  readonly size_bytes: number;
  readonly variants: readonly ManifestVariantView[];
  readonly common_files: readonly string[];
  readonly sidecars: readonly string[];
  readonly files: ReadonlyArray<
    {
      readonly path: string;
      readonly size_bytes: number;
      readonly sha256: string | null;
      readonly git_oid: string;
    }
  >;
}

/** A variant that was to be pulled and was not. */
export interface SkippedVariantView {
  readonly variant: string;
  readonly error: ErrorRecord;
}

/** What `ensure` found or brought. */
export interface EnsuredVariant {
  readonly model: string;
  readonly version: string;
  readonly variant: string;
  readonly files: readonly string[];
  /** It was pulled for this. */
  readonly pulled: boolean;
}

export interface HubCacheImportRequest {
  /** An absolute path; the caller knows where the hub's own tools keep theirs. */
  readonly path: string;
  /** Only these repositories; all by default. */
  readonly models?: readonly string[];
  readonly mode?: "auto" | "reflink" | "hardlink" | "copy";
}

export interface HubCacheImportView {
  readonly imported: ReadonlyArray<
    {
      readonly model: string;
      readonly version: string;
      readonly variants: readonly string[];
      readonly files: number;
      readonly size_bytes: number;
      /** How many of the files came in which way: reflink, hardlink, copy, present. */
      readonly modes: Readonly<Record<string, number>>;
    }
  >;
  /** What was left out, and why. */
  readonly skipped: ReadonlyArray<
    { readonly model: string; readonly path: string; readonly error: ErrorRecord }
  >;
}

export type HubTokenSource = "environment" | "larder" | "hub-tools";

export interface HubTokenView {
  /** Where the token in force comes from; null when there is none. The token itself is never shown. */
  readonly source: HubTokenSource | null;
  /** The only origin that it is sent to. */
  readonly origin: string;
}
