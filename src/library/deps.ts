import type { Clock, Events } from "../core/index.ts";
import type { Downloader } from "../download/index.ts";
import type { Registry } from "../registry/index.ts";
import type { BlobStore } from "../store/index.ts";
import type { PullLimits } from "./types.ts";

export interface LibrarySettings {
  readonly limits: PullLimits;
  /** Most bytes that a compressed source may grow to. */
  readonly decompressBytesMax: number;
  /** Files younger than this are never swept. */
  readonly gcGraceS: number;
  /** How long a request for a missing or damaged file waits for its repair. */
  readonly repairWaitMs: number;
  /** What `/health` calls itself. */
  readonly version: string;
}

/** The folders of the line below, fitted together by wire.ts. */
export interface LibraryDeps {
  readonly registry: Registry;
  readonly store: BlobStore;
  readonly downloader: Downloader;
  readonly events: Events;
  readonly clock: Clock;
  readonly settings: LibrarySettings;
}
