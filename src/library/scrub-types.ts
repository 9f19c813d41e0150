import type { ErrorRecord } from "../core/index.ts";

/** How far the scrub is: what goes through all blobs slowly, again and again. Names and digests are not in it: health shows it to everybody. */
export interface ScrubView {
  /**
   * `off`: its rate is 0. `paused`: somebody said so. `waiting`: outside of its hours, or nothing is due yet. `idle`: this process does
   * not serve, so nothing goes on.
   */
  readonly state: "off" | "waiting" | "running" | "paused" | "idle";
  /** Local time, `1-5`; empty is the whole day. */
  readonly hours: string;
  readonly rate_bytes_per_s: number;
  /** What was read and passed over in this pass, or in the last one while it waits for the next. */
  readonly bytes_done: number;
  readonly bytes_total: number;
  readonly pass_started_at: number | null;
  readonly last_pass_at: number | null;
  /** When the next pass begins, hours permitting; null while one is under way. */
  readonly next_pass_at: number | null;
  /** Blobs that were found damaged or missing, and that were made whole again, since the home was made. */
  readonly damaged_found: number;
  readonly repaired: number;
  /** Blobs that are damaged or missing now and that a model needs, at most 100 counted. */
  readonly lost: number;
}

/** A blob that is damaged or missing, and what was done about it. */
export interface LostBlobView {
  readonly sha256: string;
  readonly size_bytes: number;
  readonly state: "damaged" | "missing";
  /** Files that have these bytes, `model@version/path`, at most 10. */
  readonly used_by: readonly string[];
  readonly tries: number;
  /** Null when it is given up until the next pass, or being repaired now. */
  readonly next_try_at: number | null;
  readonly error: ErrorRecord | null;
}

export interface ScrubReport extends Omit<ScrubView, "lost"> {
  /** The last blob that was looked at, and the chunk of the next one that comes first; null between passes. */
  readonly position: { readonly after: string; readonly chunk: number } | null;
  readonly lost: readonly LostBlobView[];
}

/** Rate and hours hold until the server stops, the pause until somebody ends it. */
export interface ScrubChanges {
  readonly rate_bytes_per_s?: number;
  readonly hours?: string;
  readonly paused?: boolean;
}

/** Verification over time, in the server that owns the home. */
export interface ScrubApi {
  report(): Promise<ScrubReport>;
  /** @throws {LarderError} BAD_BODY */
  configure(changes: ScrubChanges): Promise<ScrubReport>;
  /** Begins a pass through everything now, whatever the hours and however lately it was verified. @throws {LarderError} BAD_STATE when it is off. */
  run(): Promise<ScrubReport>;
}
