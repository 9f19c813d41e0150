import {
  BEST,
  bestMetricOf,
  LarderError,
  LATEST,
  parseAlias,
  parseMetricName,
  parseModelName,
  parseVersionOrAlias,
} from "../core/index.ts";
import type { Registry, TokenRow } from "../registry/index.ts";
import type { LibraryDeps } from "./deps.ts";
import { defaultVariant, parseRevision } from "../hub/index.ts";
import { clear, createCatalog } from "./catalog/index.ts";
import { createDiskBudget, importingStore } from "./budget/index.ts";
import { describe, describeBest } from "./describe.ts";
import { ensure } from "./ensure.ts";
import { bytesToCome, checkDisk } from "./fits.ts";
import { FileFetcher } from "./file-fetcher.ts";
import { FileLookup } from "./file-lookup.ts";
import { collectGarbage, sweep } from "./gc.ts";
import { health } from "./health.ts";
import { lookAt } from "./hub-look.ts";
import { manifestView } from "./hub-manifest.ts";
import { HubOffers } from "./hub-offer.ts";
import { DEFAULT_REVISION } from "./hub-plan.ts";
import { createHubServing, type HubServing } from "./hub-serving.ts";
import { HubScans } from "./hub-scans.ts";
import { importHubCache, planHubCacheImport } from "./import-hub-cache.ts";
import { importPath, planImport } from "./import-path.ts";
import { Jobs } from "./jobs.ts";
import { availableMemoryBytes } from "./memory.ts";
import { createListing } from "./listing/index.ts";
import { resolveVersion } from "./names.ts";
import { ensurePath } from "./path.ts";
import { createServedModels } from "./models/index.ts";
import { preloadSupport } from "./preload-support.ts";
import type { PreloadSupport } from "./preload-types.ts";
import { Pulls } from "./pulls.ts";
import { Quarantine } from "./quarantine.ts";
import { removeReference } from "./remove.ts";
import { Repair } from "./repair.ts";
import { serveFile } from "./serve-file.ts";
import { Scrub } from "./scrub/index.ts";
import { SharedTransfers } from "./shared-transfers.ts";
import { Soundness } from "./soundness.ts";
import { Tokens } from "./tokens.ts";
import type { PlannedFile } from "./pull-plan.ts";
import type { Library, PullLimits } from "./types.ts";
import { UseRecorder } from "./use/index.ts";
import { VersionWriter } from "./version-writer.ts";
import { createWatchedFolders, refuseUntilTaken } from "./watched/index.ts";
import { verify } from "./verify.ts";

export interface CreateLibraryOptions {
  /** Keeps a copy of the token rows (digests, never secrets) beside the registry. */
  readonly mirrorTokens: (rows: readonly TokenRow[]) => Promise<void>;
}

/** With what only the process that owns the home needs. */
export interface OwnedLibrary extends Library {
  /** What is here, as a hub would have it. */
  readonly hubServing: HubServing;
  readonly preloading: PreloadSupport;
  ensureFileToken(secret: string): Promise<void>;
  /** Has the disk budget kept while nobody asks for anything: now, and every minute until the library is closed. */
  keepBudget(): void;
  /** Begins to verify over time. */
  startScrub(): void;
}

/** The use cases over the folders below. Close it in every case; it closes what it was given. */
export function createLibrary(
  deps: LibraryDeps,
  options: CreateLibraryOptions,
): OwnedLibrary {
  const { registry, store, downloader, hub, events, clock, settings } = deps;
  const stopping = new AbortController();
  const lookup = new FileLookup(registry);
  const versions = new VersionWriter(deps);
  const scans = new HubScans({
    ...{ client: hub.client, registry, clock, offline: settings.offline },
    look: (listing, wantsFacts) => lookAt(hub.client, listing, wantsFacts),
  });
  const memoryBytes = () => settings.memoryBytes > 0 ? settings.memoryBytes : availableMemoryBytes();
  const disk = createDiskBudget({
    ...{ registry, store, versions, events, clock, metrics: deps.metrics },
    memory: () => models.cacheStats(),
    pulling: () => pulls.underWay(),
    partKeys: () => pulls.partKeys(),
    watched: () => settings.watched.folders.flatMap((folder) => registry.listWatchedFiles(folder)),
    sweep: () => sweep(sweeping, {}),
  }, settings.disk);
  const importing = importingStore(store, disk.budget);
  const makeRoom = async (files: readonly PlannedFile[]) => {
    if (disk.budget.isOn) await disk.budget.makeRoom(await bytesToCome({ registry, store }, files));
  };
  const ensureRoom = async (files: readonly PlannedFile[]) => {
    if (disk.budget.isOn) await makeRoom(files);
    else await checkDisk({ store }, await bytesToCome({ registry, store }, files));
  };
  const fetcher = new FileFetcher({
    registry,
    store,
    space: disk.budget,
    downloader,
    decompressBytesMax: settings.decompressBytesMax,
    credential: () => hub.tokens.credential(),
  });
  const transfers = new SharedTransfers(fetcher, store);
  const pulls = new Pulls({
    registry,
    downloader,
    transfers,
    versions,
    hub: new HubOffers({ scans, registry, ensureRoom, memoryBytes, hub, nowS: () => clock.nowS() }),
    makeRoom,
    events,
    clock,
    limits: settings.limits,
  });
  const jobs = new Jobs(clock, events);
  const sweeping = { registry, store, partKeys: () => pulls.partKeys(), graceS: settings.gcGraceS };
  const recordUses: Registry["recordUses"] = async (report) => {
    await registry.recordUses(report);
    await listing.noteUses(report);
  };
  const uses = new UseRecorder({ registry: { recordUses }, clock });
  const preferred = (model: string, version: string) => {
    const offered = scans.stored(model, version)?.document.variants ?? [];
    return offered.length === 0 ? undefined : defaultVariant(offered).name;
  };
  const quarantine = new Quarantine(deps);
  const repair = new Repair({ registry, store, transfers, quarantine, events, offline: settings.offline });
  const soundness = new Soundness({
    ...{ registry, store, quarantine, repair, clock },
    waitMs: settings.repairWaitMs,
    signal: stopping.signal,
  });
  const scrub = new Scrub({
    ...{ registry, store, quarantine, repair, events, clock, metrics: deps.metrics },
    settings: settings.scrub,
  });
  const models = createServedModels({
    ...{
      registry,
      store,
      runtimes: deps.runtimes,
      events,
      clock,
      uses,
      soundness,
      settings: settings.models,
    },
    metrics: deps.metrics,
    jobs,
    availableBytes: memoryBytes,
    explainDisk: () => disk.api.explain(),
    preferred,
    ensure: async (reference, options) => {
      refuseUntilTaken(watched.pending(), reference);
      return await ensure({ registry, scans, pulls }, reference, options);
    },
  });
  const watched = createWatchedFolders({
    ...{ registry, store: importing, versions, runtimes: deps.runtimes, clock },
  }, settings.watched);
  const listing = createListing({
    ...{ registry, store, pulls, versions, events, clock, preferred, runtimes: deps.runtimes },
    cacheStats: () => models.cacheStats(),
    watched,
  });
  const remove = (reference: string) => removeReference({ registry, store, versions }, reference);
  const catalog = createCatalog({
    ...{ registry, store, nowS: () => clock.nowS(), budgetBytes: () => disk.budget.budgetBytes },
    loaded: () => models.cacheStats().cached_models,
    clear: () => jobs.start("clear", false, (job) => clear({ registry, pulls, remove }, job)),
  });
  const tokens = new Tokens(registry, clock, options.mirrorTokens);
  const serving = { store, lookup, uses, soundness, clock };

  return {
    pull: (request) => pulls.start(request),
    listPulls: async (query) => pulls.list(query),
    getPull: async (id) => pulls.get(id),
    watchPull: (id, signal) => pulls.watch(id, signal),
    pausePull: (id) => pulls.pause(id),
    resumePull: (id) => pulls.resume(id),
    cancelPull: (id) => pulls.cancel(id),
    getLimits: async () => pulls.limits,
    setLimits: async (limits) => pulls.setLimits(checkLimits(limits)),

    listing,
    list: (request) => listing.list(request),
    describe: async (reference) => describe(registry, reference),
    remove,
    setAlias: async (model, alias, version) => {
      const name = parseModelName(model);
      const target = resolveVersion(registry, name, parseVersionOrAlias(version));
      await versions.setAlias(name, parseAlias(alias), target);
      return { model: name, alias, version: target };
    },
    removeAlias: async (model, alias) => {
      resolveVersion(registry, parseModelName(model), LATEST);
      if (alias === BEST) return await versions.setBestMetric(model, undefined);
      if (!await versions.removeAlias(model, parseAlias(alias))) throw aliasNotFound(model, alias);
    },
    setBestMetric: async (model, wanted) => {
      const name = parseModelName(model);
      await versions.setBestMetric(name, bestMetricOf(parseMetricName(wanted.metric), wanted.better));
      return describeBest(registry, name);
    },
    path: (reference, options) => ensurePath({ registry, store, uses, soundness }, reference, options),

    scan: async ({ model, revision = DEFAULT_REVISION }) => {
      const scan = await scans.ask(parseModelName(model), parseRevision(revision), true);
      listing.noteScan(scan.model);
      const pullsOf = (...of: Parameters<Pulls["progressOf"]>) => pulls.progressOf(...of);
      const fitsDisk = (bytes: number) => disk.budget.fits(bytes);
      return await manifestView({ registry, fitsDisk, memoryBytes, pullsOf }, scan, revision);
    },
    importHubCache: async (request) => {
      const plan = planHubCacheImport(request);
      const into = { registry, store: importing, versions, hub: hub.client };
      return jobs.start("import", false, (job) => importHubCache(into, plan, job));
    },
    hubToken: async () => hub.tokens.view(),
    setHubToken: async (token) => hub.tokens.set(token),
    ensure: (reference, options) => ensure({ registry, scans, pulls }, reference, options),

    importPath: async (request) => {
      const plan = planImport(request);
      return jobs.start(
        "import",
        false,
        (job) => importPath({ registry, store: importing, versions }, plan, job),
      );
    },
    verify: async (request) =>
      jobs.start(
        "verify",
        request.dry_run ?? false,
        (job) => verify({ registry, store, quarantine, events, nowS: () => clock.nowS() }, request, job),
      ),
    repair: async (request) =>
      jobs.start("repair", request.dry_run ?? false, (job) => repair.run(request, job)),
    gc: async (request) =>
      jobs.start(
        "gc",
        request.dry_run ?? false,
        () => collectGarbage({ ...sweeping, budget: disk.budget }, request),
      ),
    listJobs: async () => jobs.list(),
    getJob: async (id) => jobs.get(id),
    watchJob: (id, signal) => jobs.watch(id, signal),
    cancelJob: (id) => jobs.cancel(id),

    createToken: (request) => tokens.create(request),
    listTokens: async () => tokens.list(),
    removeToken: (id) => tokens.remove(id),
    startScrub: () => scrub.start(),
    scrub,
    ensureFileToken: (secret) => tokens.ensureFileToken(secret),

    models,
    catalog,
    options: models.options,
    watched,
    preloading: preloadSupport({ registry, uses, models }),
    budget: disk.api,
    hubServing: createHubServing({
      registry,
      info: (model, version) => scans.stored(model, version)?.document.info,
    }),
    health: () =>
      health({
        ...{ registry, store, version: settings.version, pullsRunning: pulls.runningCount },
        watchedProblems: () => watched.problems(),
        scrub: scrub.view.bind(scrub),
      }),
    hasModel: (model) => lookup.hasModel(model),
    serveFile: (model, versionOrAlias, path) => serveFile(serving, model, versionOrAlias, path),
    scopesOf: (secret) => tokens.scopesOf(secret),
    isOpen: () => tokens.isOpen(),
    resumeInterrupted: () => pulls.resumeInterrupted(),
    keepBudget: () => disk.start(),
    close: async () => {
      stopping.abort(
        new LarderError("SHUTTING_DOWN", "Cannot finish: larder is stopping", { retryable: true }),
      );
      await Promise.all([pulls.close(), jobs.close(), watched.close(), scrub.close()]);
      await transfers.close();
      await disk.close();
      await models.close();
      await uses.close();
      await listing.close();
      downloader.close();
      await registry.close();
      await store.close();
    },
  };
}

function checkLimits(limits: Partial<PullLimits>): Partial<PullLimits> {
  const bounds: Readonly<Record<keyof PullLimits, readonly [number, number]>> = {
    rate_bytes_per_s: [0, Number.MAX_SAFE_INTEGER],
    pulls_at_once: [1, 64],
    connections_per_pull: [1, 16],
  };
  for (const [key, [least, most]] of Object.entries(bounds)) {
    const value = limits[key as keyof PullLimits];
    if (value === undefined || (Number.isSafeInteger(value) && value >= least && value <= most)) continue;
    throw new LarderError("BAD_BODY", `Cannot use ${value} for ${key}`, {
      field: key,
      hint: `Give a whole number from ${least} to ${most}.`,
    });
  }
  return limits;
}

function aliasNotFound(model: string, alias: string): LarderError {
  return new LarderError("VERSION_NOT_FOUND", `Cannot find alias ${alias} of ${model}`, {
    field: "alias",
    hint: `See \`larder show ${model}\`.`,
  });
}
