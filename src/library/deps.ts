import type { Clock, Digest, Events } from "../core/index.ts";
import type { Downloader } from "../download/index.ts";
import type { HubClient } from "../hub/index.ts";
import type { Metrics } from "../metrics/index.ts";
import type { Registry } from "../registry/index.ts";
import type { Runtimes } from "../runtimes/index.ts";
import type { BlobStore } from "../store/index.ts";
import type { DiskSettings } from "./budget/index.ts";
import type { HubTokens } from "./hub-token.ts";
import type { ModelSettings } from "./models/index.ts";
import type { ScrubSettings } from "./scrub/index.ts";
import type { PullLimits } from "./types.ts";
import type { WatchSettings } from "./watched/index.ts";

export interface LibrarySettings {
  readonly limits: PullLimits;
  /** Most bytes that a compressed source may grow to. */
  readonly decompressBytesMax: number;
  /** Files younger than this are never swept. */
  readonly gcGraceS: number;
  /** How long a request for a missing or damaged file waits for its repair. */
  readonly repairWaitMs: number;
  /** Bytes that models may take in memory; 0 measures what is available. */
  readonly memoryBytes: number;
  readonly models: ModelSettings;
  readonly watched: WatchSettings;
  readonly disk: DiskSettings;
  readonly scrub: ScrubSettings;
  /** No hub is ever asked. */
  readonly offline: boolean;
  /** What `/health` calls itself. */
  readonly version: string;
}

/** The hub and its mirrors. */
export interface HubDeps {
  readonly client: HubClient;
  readonly tokens: HubTokens;
  /** Chunk digests of a file, from an endpoint that is a larder; undefined when it does not know them. */
  readonly chunksOf: (
    endpoint: string,
    digest: Digest,
    sizeBytes: number,
    signal: AbortSignal,
  ) => Promise<readonly Digest[] | undefined>;
}

/** The folders of the line below, fitted together by wire.ts. */
export interface LibraryDeps {
  readonly registry: Registry;
  readonly store: BlobStore;
  readonly downloader: Downloader;
  readonly hub: HubDeps;
  readonly runtimes: Runtimes;
  readonly events: Events;
  readonly clock: Clock;
  /** Absent: nothing is counted. */
  readonly metrics?: Metrics;
  readonly settings: LibrarySettings;
}
