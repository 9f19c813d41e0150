import { join, resolve } from "node:path";
import { LocalEvents, systemClock } from "../../src/core/index.ts";
import { createDownloader, type TransferTuning } from "../../src/download/index.ts";
import {
  createLibrary,
  type HubDeps,
  type HubTokenPlaces,
  HubTokens,
  type Library,
  type LibrarySettings,
  type ModelSettings,
  type OwnedLibrary,
} from "../../src/library/index.ts";
import type { PullRequest, PullView } from "../../src/library/index.ts";
import { openOrRebuildRegistry, type Registry } from "../../src/registry/index.ts";
import { createRuntimes, MODEL_PROCESS } from "../../src/runtimes/index.ts";
import { type BlobStore, openBlobStore } from "../../src/store/index.ts";
import { chunksOf, createHubClient } from "../../src/hub/index.ts";
import { createNetClient, type NetPolicy } from "../../src/net/index.ts";
import { tempFolder } from "./temp-folder.ts";

const MAIN = resolve(import.meta.dir, "../../src/main.ts");
/** The discard port: nobody answers there. */
const NO_HUB = "http://127.0.0.1:9";

/** A library over real folders, threads and connections in a temporary home. */
export interface TestLibrary extends AsyncDisposable {
  readonly home: string;
  readonly library: OwnedLibrary;
  readonly registry: Registry;
  readonly store: BlobStore;
  readonly events: LocalEvents;
  /** Stops everything but the home, as a clean stop of the process would. */
  close(): Promise<void>;
}

/** Impatient, so that faults show soon. */
export const FAST_TUNING: TransferTuning = {
  stallMs: 400,
  crawlMs: 800,
  crawlBytesPerS: 1024,
  tries: 6,
  backoffBaseMs: 5,
  backoffMaxMs: 40,
};

export interface TestLibraryOptions {
  /** A home that is there already; it is then not deleted at the end. */
  readonly home?: string;
  readonly allowOrigins?: readonly string[];
  readonly tuning?: Partial<TransferTuning>;
  readonly headersMs?: number;
  /** Of one pull; default 4. */
  readonly connections?: number;
  readonly settings?: Partial<LibrarySettings>;
  readonly models?: Partial<ModelSettings>;
  readonly disk?: Partial<LibrarySettings["disk"]>;
  /** Endpoints of the hub and its mirrors; none of them answers by default. */
  readonly hub?: readonly string[];
  readonly hubToken?: string;
}

export async function openTestLibrary(options: TestLibraryOptions = {}): Promise<TestLibrary> {
  const folder = options.home === undefined ? await tempFolder() : undefined;
  const home = options.home ?? join(folder?.path ?? "", "home");
  const store = await openBlobStore({ home });
  const registry = await openOrRebuildRegistry({
    path: join(home, "registry.sqlite"),
    source: {
      manifests: () => store.readManifests(),
      blobs: () => store.scan(),
      tokens: () => Promise.resolve([]),
    },
  });
  const events = new LocalEvents();
  const net = {
    allowOrigins: options.allowOrigins ?? ["http://127.0.0.1:*", "https://127.0.0.1:*"],
    userAgent: "larder-test",
    connectMs: 500,
    headersMs: options.headersMs ?? 500,
  };
  const downloader = createDownloader({
    net,
    tuning: { ...FAST_TUNING, ...options.tuning },
    rateBytesPerS: 0,
    connections: options.connections ?? 4,
  });
  const library = createLibrary({
    registry,
    store,
    downloader,
    hub: hubDeps(net, options),
    runtimes: createRuntimes({ home, command: [process.execPath, MAIN, MODEL_PROCESS] }),
    events,
    clock: systemClock,
    settings: {
      limits: { rate_bytes_per_s: 0, pulls_at_once: 3, connections_per_pull: options.connections ?? 4 },
      decompressBytesMax: 1024 * 1024 * 1024,
      gcGraceS: 3600,
      repairWaitMs: 5000,
      memoryBytes: 2 ** 40,
      models: {
        cache: {},
        bytesMax: 2 ** 40,
        isolation: "thread",
        pullsOnUse: true,
        followsAliases: true,
        fallsBack: { versions: true, variants: false },
        ...options.models,
      },
      watched: { home, folders: [], mode: "auto", settleMs: 50 },
      disk: {
        ...{ bytesMax: 0, freeMin: 0, policy: "oldest" },
        incoming: { maxAgeS: Infinity, bytesMax: "100%" },
        ...options.disk,
      },
      scrub: { bytesPerS: 0, hours: "", everyS: 7 * 86_400 },
      offline: false,
      version: "test",
      ...options.settings,
    },
  }, { mirrorTokens: async () => {} });
  return {
    home,
    library,
    registry,
    store,
    events,
    close: () => library.close(),
    [Symbol.asyncDispose]: async () => {
      await library.close();
      await folder?.[Symbol.asyncDispose]();
    },
  };
}

function hubDeps(policy: NetPolicy, { hub = [NO_HUB], hubToken }: TestLibraryOptions): HubDeps {
  const net = createNetClient(policy);
  const tokens = new HubTokens({
    origin: new URL(hub[0] ?? NO_HUB).origin,
    environment: hubToken,
    own: memoryToken(),
    tools: { read: () => undefined },
  });
  const backoff = { baseMs: FAST_TUNING.backoffBaseMs, maxMs: FAST_TUNING.backoffMaxMs };
  const client = createHubClient({ net, endpoints: hub, token: () => tokens.token(), backoff });
  return {
    client,
    tokens,
    chunksOf: (endpoint, ...blob) => chunksOf(net, endpoint, ...blob, { token: tokens.tokenFor(endpoint) }),
  };
}

function memoryToken(): HubTokenPlaces["own"] {
  let kept: string | undefined;
  return {
    read: () => kept,
    write: (token) => {
      kept = token ?? undefined;
    },
  };
}

/** Pulls and waits until the pull rests. */
export async function pullAndWait(library: Library, request: PullRequest): Promise<PullView> {
  const { id } = await library.pull(request);
  return await waitForPull(library, id);
}

export async function waitForPull(library: Library, id: string): Promise<PullView> {
  let view = await library.getPull(id);
  for await (view of library.watchPull(id));
  return view;
}
