import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import {
  type CliParts,
  type OpenOptions,
  type RegistryReport,
  type Serving,
  socketPathOf,
} from "./cli/index.ts";
import type { Config } from "./config/index.ts";
import {
  BUILD,
  isLarderError,
  LarderError,
  LocalEvents,
  logger,
  systemClock,
  systemCode,
} from "./core/index.ts";
import { createDownloader, type DownloaderOptions } from "./download/index.ts";
import { startHttp } from "./http/index.ts";
import {
  acquireHomeLock,
  ADMIN_FILE_TOKEN,
  createLibrary,
  type LibrarySettings,
  newSecret,
} from "./library/index.ts";
import {
  inspectRegistry,
  MIGRATIONS,
  openOrRebuildRegistry,
  type Registry,
  schemaVersion,
  type TokenRow,
} from "./registry/index.ts";
import { type BlobStore, openBlobStore } from "./store/index.ts";

/** How long a client who asks for a damaged file waits for its repair. */
const REPAIR_WAIT_MS = 20_000;
const BACKOFF_BASE_MS = 500;
const BACKOFF_MAX_MS = 30_000;

/** What the command line needs and may not build itself. */
export const parts: CliParts = { openHome, serve, inspectRegistry: reportRegistry };

/** Everything behind one home, which this process owns until `close`. */
interface OwnedHome {
  readonly library: ReturnType<typeof createLibrary>;
  close(): Promise<void>;
}

async function openHome(config: Config, options: OpenOptions): Promise<OwnedHome> {
  const { home } = config;
  await using opened = new AsyncDisposableStack();
  opened.adopt(await acquireHomeLock({ home, ...options }), (lock) => lock.release());
  const store = opened.adopt(await openBlobStore({ home }), (it) => it.close());
  const registry = opened.adopt(await openRegistry(home, store), (it) => it.close());
  const downloader = opened.adopt(createDownloader(downloaderOptions(config)), (it) => it.close());
  const library = createLibrary({
    ...{ registry, store, downloader, clock: systemClock, events: new LocalEvents() },
    settings: librarySettings(config),
  }, { mirrorTokens: async (rows) => writePrivately(tokensPath(home), JSON.stringify(rows)) });
  opened.defer(() => library.close());
  const owned = opened.move();
  return { library, close: () => owned.disposeAsync() };
}

/** Owns the home and listens. Interrupted pulls are taken up when clients can be answered already. */
async function serve(config: Config, options: OpenOptions): Promise<Serving> {
  const { library, close } = await openHome(config, options);
  try {
    const socketPath = socketPathOf(config);
    await library.ensureFileToken(ensureAdminToken(config.home));
    const http = await startHttp({ library, config, unixSocket: socketPath });
    library.resumeInterrupted().catch((error: unknown) => {
      if (!isLarderError(error, "SHUTTING_DOWN")) {
        logger("serve").error("Cannot go on with interrupted pulls: {error}", { error });
      }
    });
    return { url: http.url.origin, socketPath, close: () => http.stop().finally(close) };
  } catch (error) {
    await close();
    throw error;
  }
}

function openRegistry(home: string, store: BlobStore): Promise<Registry> {
  return openOrRebuildRegistry({
    path: registryPath(home),
    source: {
      manifests: () => store.readManifests(),
      blobs: () => store.scan(),
      tokens: async () => readTokens(home),
    },
    onRebuild: (report) => logger("registry").warning("Built the registry again: {reason}", { ...report }),
  });
}

function downloaderOptions(config: Config): DownloaderOptions {
  return {
    net: {
      allowOrigins: config.allowOrigins,
      userAgent: `larder/${BUILD.version}`,
      connectMs: config.connectS * 1000,
      headersMs: config.headersS * 1000,
    },
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

/** A copy of the token rows: a registry that is built again without them would open a closed server. */
function tokensPath(home: string): string {
  return join(home, "tokens.json");
}

/** @throws {LarderError} IO when they are unreadable: better no server than an open one. */
function readTokens(home: string): readonly TokenRow[] {
  const text = readIfThere(tokensPath(home));
  if (text === undefined) return [];
  try {
    return JSON.parse(text) as readonly TokenRow[];
  } catch (error) {
    throw new LarderError("IO", "Cannot build the registry again: tokens.json is damaged", {
      hint: `Remove ${tokensPath(home)}: the tokens are then gone and have to be made anew.`,
      cause: error,
    });
  }
}

const SECRET = /^ldr_[\w-]{43}$/;

/** The token of whoever may read the home, for clients that cannot use the socket. */
function ensureAdminToken(home: string): string {
  const path = join(home, ADMIN_FILE_TOKEN);
  const present = readIfThere(path)?.trim();
  if (present !== undefined && SECRET.test(present)) return present;
  const secret = newSecret();
  writePrivately(path, `${secret}\n`);
  return secret;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Replaces a small file in one step; nobody but its owner may read it, whatever the umask is. */
function writePrivately(path: string, text: string): void {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
  const fd = openSync(`${path}.tmp`, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
  try {
    fchmodSync(fd, 0o600);
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.tmp`, path);
}
