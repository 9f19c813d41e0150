import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type CliParts,
  type OpenOptions,
  type RegistryReport,
  type ServeOptions,
  type Serving,
  socketPathOf,
} from "./cli/index.ts";
import type { Config } from "./config/index.ts";
import { BUILD, isLarderError, LocalEvents, logger, systemClock } from "./core/index.ts";
import { DEMO_MODEL, ensureDemo } from "./demo/index.ts";
import { createDownloader, type DownloaderOptions } from "./download/index.ts";
import { startHttp, startHubHttp } from "./http/index.ts";
import { chunksOf, createHubClient } from "./hub/index.ts";
import {
  acquireHomeLock,
  createLibrary,
  HomeSecrets,
  type HubDeps,
  HubTokens,
  type LibrarySettings,
  type ModelSettings,
  type OwnedLibrary,
} from "./library/index.ts";
import { Metrics } from "./metrics/index.ts";
import { createNetClient, type NetPolicy } from "./net/index.ts";
import { Preloader, WarmRestart } from "./preload/index.ts";
import {
  inspectRegistry,
  MIGRATIONS,
  openOrRebuildRegistry,
  type Registry,
  schemaVersion,
} from "./registry/index.ts";
import { createRuntimes } from "./runtimes/index.ts";
import { type BlobStore, openBlobStore } from "./store/index.ts";

/** How long a client who asks for a damaged file waits for its repair. */
const REPAIR_WAIT_MS = 20_000;
const BACKOFF_BASE_MS = 500;
const BACKOFF_MAX_MS = 30_000;
/** More of the file that the hub's tools keep their token in is not looked at. */
const TOKEN_LENGTH_MAX = 4096;

/** What the command line needs and may not build itself. */
export const parts: CliParts = {
  openHome: async (config, options) => {
    const { library, preload, close } = await openHome(config, options);
    return { library: { ...library, preload }, close };
  },
  serve,
  inspectRegistry: reportRegistry,
};

/** Everything behind one home, which this process owns until `close`. */
interface OwnedHome {
  readonly library: OwnedLibrary;
  /** Works only when it is started. */
  readonly preload: Preloader;
  close(): Promise<void>;
}

async function openHome(config: Config, options: OpenOptions, metrics?: Metrics): Promise<OwnedHome> {
  const { home } = config;
  const secrets = new HomeSecrets(home);
  await using opened = new AsyncDisposableStack();
  opened.adopt(await acquireHomeLock({ home, ...options }), (lock) => lock.release());
  const store = opened.adopt(await openBlobStore({ home }), (it) => it.close());
  const registry = opened.adopt(await openRegistry(home, store, secrets), (it) => it.close());
  const downloader = opened.adopt(createDownloader(downloaderOptions(config)), (it) => it.close());
  const onRows = metrics?.counts("larder_model_batch_rows", "Rows of a run of a model that joins requests.");
  const library = createLibrary({
    ...{ registry, store, downloader, clock: systemClock, events: new LocalEvents() },
    hub: hubDeps(config, secrets),
    ...(metrics === undefined ? {} : { metrics }),
    runtimes: opened.adopt(createRuntimes({ home, ...(onRows && { onRows }) }), (it) => it.close()),
    settings: librarySettings(config),
  }, { mirrorTokens: async (rows) => secrets.writeTokens(rows) });
  opened.defer(() => library.close());
  const { models, preloading: support } = library;
  const preload = opened.adopt(new Preloader({ models, support, clock: systemClock }), (it) => it.close());
  const owned = opened.move();
  return { library, preload, close: () => owned.disposeAsync() };
}

/** Owns the home and listens. Interrupted pulls are taken up when clients can be answered already. */
async function serve(config: Config, options: ServeOptions): Promise<Serving> {
  const metrics = new Metrics();
  const { library, preload, close } = await openHome(config, options, metrics);
  try {
    const socketPath = socketPathOf(config);
    await library.ensureFileToken(new HomeSecrets(config.home).ensureAdminToken());
    if (options.demo) {
      await ensureDemo({ library, folder: join(config.home, "demo"), signal: options.signal });
    }
    const { hubServing: serving, models, preloading: support } = library;
    const warm = new WarmRestart({ models, support, queue: preload.queue, clock: systemClock });
    warm.restoreSettings();
    const http = await startHttp({ library, serving, preload, config, metrics, unixSocket: socketPath });
    const hub = await startHubHttp({ library, serving, config, metrics }).catch(async (error: unknown) => {
      await http.stop();
      throw error;
    });
    library.watched.start();
    library.keepBudget();
    library.startScrub();
    const warming = warm.start(config.warmOnStart).catch((error: unknown) => {
      logger("serve").error("Cannot load again what was loaded: {error}", { error });
    }).then(() => preload.start());
    library.resumeInterrupted().catch((error: unknown) => {
      if (!isLarderError(error, "SHUTTING_DOWN")) {
        logger("serve").error("Cannot go on with interrupted pulls: {error}", { error });
      }
    });
    return {
      url: http.url.origin,
      hubUrl: hub.url.origin,
      socketPath,
      ...(options.demo ? { demoModel: DEMO_MODEL } : {}),
      close: async () => {
        try {
          await Promise.all([http.stop(), hub.stop(), warming]);
          // Nothing more is loaded: what is noted now is what is loaded again.
          await preload.close();
          await warm.close();
        } finally {
          await close();
        }
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function openRegistry(home: string, store: BlobStore, secrets: HomeSecrets): Promise<Registry> {
  return openOrRebuildRegistry({
    path: registryPath(home),
    source: {
      manifests: () => store.readManifests(),
      blobs: () => store.scan(),
      tokens: async () => secrets.readTokens(),
    },
    onRebuild: (report) => logger("registry").warning("Built the registry again: {reason}", { ...report }),
  });
}

function downloaderOptions(config: Config): DownloaderOptions {
  return {
    net: netPolicy(config),
    tuning: {
      stallMs: config.stallS * 1000,
      crawlMs: config.crawlS * 1000,
      crawlBytesPerS: config.crawlBytesPerS,
      tries: config.tries,
      backoffBaseMs: BACKOFF_BASE_MS,
      backoffMaxMs: BACKOFF_MAX_MS,
    },
    rateBytesPerS: config.rateBytesPerS,
    connections: config.connectionsPerPull,
  };
}

function netPolicy(config: Config): NetPolicy {
  return {
    allowOrigins: config.allowOrigins,
    // A hub is allowed by being configured; what it redirects to is not.
    directOrigins: config.hubOrigins,
    userAgent: `larder/${BUILD.version}`,
    connectMs: config.connectS * 1000,
    headersMs: config.headersS * 1000,
  };
}

function hubDeps(config: Config, secrets: HomeSecrets): HubDeps {
  const { hubEndpoint, hubMirrors, hubToken, hubToolsTokenPath, stallS } = config;
  const net = createNetClient(netPolicy(config));
  const tokens = new HubTokens({
    origin: new URL(hubEndpoint).origin,
    environment: hubToken,
    own: { read: () => secrets.readHubToken(), write: (token) => secrets.writeHubToken(token) },
    tools: { read: () => readToken(hubToolsTokenPath) },
  });
  const client = createHubClient({
    ...{ net, endpoints: [hubEndpoint, ...hubMirrors], token: () => tokens.token() },
    stallMs: stallS * 1000,
  });
  return {
    client,
    tokens,
    chunksOf: (endpoint, ...blob) => chunksOf(net, endpoint, ...blob, { token: tokens.tokenFor(endpoint) }),
  };
}

function modelSettings(config: Config): ModelSettings {
  const { modelsMax, modelsBytes, modelsPolicy, keepAliveS, isolation, pullOnUse, reloadOnChange } = config;
  return {
    cache: { countMax: modelsMax, policy: modelsPolicy, keepAliveS: keepAliveS === 0 ? null : keepAliveS },
    bytesMax: modelsBytes,
    isolation,
    pullsOnUse: pullOnUse,
    followsAliases: reloadOnChange,
    fallsBack: { versions: true, variants: false },
  };
}

function diskSettings(config: Config): LibrarySettings["disk"] {
  const { diskBytesMax, diskFreeMin, diskPolicy, incomingMaxAgeS, incomingBytesMax } = config;
  return {
    ...{ bytesMax: diskBytesMax, freeMin: diskFreeMin, policy: diskPolicy },
    incoming: { maxAgeS: incomingMaxAgeS, bytesMax: incomingBytesMax },
  };
}

function librarySettings(config: Config): LibrarySettings {
  return {
    limits: {
      rate_bytes_per_s: config.rateBytesPerS,
      pulls_at_once: config.pullsAtOnce,
      connections_per_pull: config.connectionsPerPull,
    },
    decompressBytesMax: config.decompressBytesMax,
    gcGraceS: config.gcGraceS,
    repairWaitMs: REPAIR_WAIT_MS,
    memoryBytes: config.memoryBytes,
    models: modelSettings(config),
    watched: {
      ...{ home: config.home, folders: config.watchFolders, mode: config.watchMode },
      settleMs: config.watchSettleS * 1000,
    },
    disk: diskSettings(config),
    scrub: { bytesPerS: config.scrubBytesPerS, hours: config.scrubHours, everyS: config.scrubEveryS },
    offline: config.offline,
    version: BUILD.version,
  };
}

function registryPath(home: string): string {
  return join(home, "registry.sqlite");
}

function reportRegistry({ home }: Config): RegistryReport {
  const schemaKnown = schemaVersion(MIGRATIONS);
  try {
    const condition = inspectRegistry(registryPath(home), schemaKnown, "header");
    return {
      state: condition.kind,
      schema: condition.kind === "sound" ? condition.schema : null,
      schemaKnown,
    };
  } catch (error) {
    if (!isLarderError(error, "SCHEMA_NEWER")) throw error;
    return { state: "sound", schema: Number(error.details?.["found"]), schemaKnown };
  }
}

/** Another program's file: what cannot be read of it is as good as not there. */
function readToken(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").slice(0, TOKEN_LENGTH_MAX);
  } catch {
    return undefined;
  }
}
