import { isAbsolute, join, relative } from "node:path";
import { type Clock, isLarderError, LarderError, logger, type Semaphore } from "../../core/index.ts";
import type { ImportMode } from "../../store/index.ts";
import type { RemoveDeps } from "../remove.ts";
import type { PendingModelView, WatchedFolderView } from "../watched-types.ts";
import { Bell } from "./bell.ts";
import { Departures } from "./departures.ts";
import { dropVersion, hasAlias } from "./drop.ts";
import { FolderEvents, type OpenWatcher } from "./folder-events.ts";
import { Formats } from "./formats.ts";
import { LatestFlight } from "./latest-flight.ts";
import { type Candidate, type Look, lookAtFolder } from "./look.ts";
import { outdated } from "./taken.ts";
import { type TakeDeps, takeUnit } from "./take.ts";
import { Tracks } from "./tracks.ts";
import { folderView, pendingViews } from "./views.ts";
import { hasMoved } from "./walk.ts";

const log = logger("watched");

/** Events that come together are one. */
const GATHER_MS = 50;
/** Before it is looked whether something changed meanwhile. */
const TAKES_PER_LOOK = 64;
/**
 * Between looks that nobody asked for: rarely where the system tells of changes, else often, yet never most of the time. The times of
 * folders are compared often in any case: that a disk was mounted or unmounted is not told.
 */
const QUIET_MS = 60_000;
const OFTEN_MS = 2_000;
const LOOK_SHARE = 20;
/** Folders whose times are compared before an answer. */
const FOLDERS_ASKED_MAX = 64;

export interface WatchedFolderOptions {
  readonly folder: string;
  /** Without links. */
  readonly home: string;
  readonly mode: ImportMode;
  readonly settleMs: number;
  readonly clock: Clock;
  /** Of all folders together. */
  readonly takes: Semaphore;
  /** Other than the system's. */
  readonly openWatcher?: OpenWatcher;
}

/** One folder that a user fills: what comes is taken, what changes becomes a new version, what goes is forgotten. Nothing in it is touched. */
export class WatchedFolder {
  readonly #formats = new Formats();
  readonly #tracks: Tracks;
  readonly #bell: Bell;
  readonly #events: FolderEvents;
  readonly #looks = new LatestFlight(() => this.#lookOnce());
  readonly #departures: Departures;
  #look: Look | undefined;
  #fault: LarderError | undefined;
  #lookedAtS: number | undefined;
  #lookMs = 0;
  #generation = 0;
  /** An event came since the last look began. */
  #isToldOf = false;

  constructor(
    private readonly deps: TakeDeps & RemoveDeps,
    private readonly options: WatchedFolderOptions,
    private readonly signal: AbortSignal,
  ) {
    const { clock, folder, home, openWatcher, settleMs } = options;
    this.#tracks = new Tracks(clock, settleMs);
    this.#departures = new Departures({ registry: deps.registry, folder, settleMs, clock });
    this.#bell = new Bell(clock);
    this.#events = new FolderEvents(folder, (path) => {
      if (isOfNoInterest(folder, home, path)) return;
      this.#isToldOf = true;
      this.#bell.ring();
    }, openWatcher);
  }

  get folder(): string {
    return this.options.folder;
  }

  /** Itself, and the first of those in it. */
  folders(): string[] {
    const inside = [...this.#look?.walk.folders.keys() ?? []].slice(0, FOLDERS_ASKED_MAX);
    return [this.folder, ...inside.filter((path) => path !== "").map((path) => join(this.folder, path))];
  }

  /** Until the signal aborts. */
  async run(): Promise<void> {
    const { clock } = this.options;
    try {
      while (!this.signal.aborted) {
        const isDone = await this.#tend();
        if (!isDone) continue;
        await this.#rest();
        await clock.sleep(GATHER_MS + this.#lookMs, this.signal);
      }
    } catch (error) {
      if (!this.signal.aborted) throw error;
    } finally {
      this.#events.close();
    }
  }

  /** Looks once, also for whoever asks meanwhile. @returns whether what is pending is another one than before. */
  look(): Promise<boolean> {
    return this.#looks.run();
  }

  /** Looks if there is a reason to. */
  async lookIfMoved(): Promise<boolean> {
    if (!this.#isToldOf && !await this.#hasMoved()) return false;
    // Whatever it finds, when to look next may be another time than before.
    this.#bell.ring();
    return await this.look();
  }

  ring(): void {
    this.#bell.ring();
  }

  /** Grows whenever {@link pending} becomes another one. */
  get generation(): number {
    return this.#generation;
  }

  pending(): PendingModelView[] {
    return this.#look === undefined ? [] : pendingViews(this.folder, this.#look, this.#tracks);
  }

  view(): WatchedFolderView {
    return folderView(this.folder, {
      look: this.#look,
      fault: this.#fault,
      lookedAtS: this.#lookedAtS,
      hasEvents: this.#events.areOpen,
      tracks: this.#tracks,
      isHere: (model, version) => this.deps.registry.findVersion(model, version) !== undefined,
    });
  }

  /** What is wrong with it; undefined when all is well. */
  problem(): string | undefined {
    return (this.#fault ?? this.#look?.names.fault)?.message;
  }

  async #lookOnce(): Promise<boolean> {
    const { clock, folder, home } = this.options;
    const before = JSON.stringify(this.pending());
    const startMs = clock.monotonicMs();
    this.#isToldOf = false;
    try {
      const look = await lookAtFolder({
        ...{ folder, home, registry: this.deps.registry, formats: this.#formats, tracks: this.#tracks },
        ...{ nowMs: clock.nowS() * 1000, signal: this.signal },
      });
      this.#note(look);
    } catch (error) {
      if (!isLarderError(error) || this.signal.aborted) throw error;
      this.#noteFault(error);
    }
    this.#lookedAtS = clock.nowS();
    this.#lookMs = clock.monotonicMs() - startMs;
    const isNew = JSON.stringify(this.pending()) !== before;
    if (isNew) this.#generation++;
    return isNew;
  }

  #note(look: Look): void {
    const { names } = look;
    if (names.fault !== undefined && names.fault.message !== this.#look?.names.fault?.message) {
      log.warning("{folder}: {reason}", { folder: this.folder, reason: names.fault.message });
    }
    this.#look = look;
    this.#fault = undefined;
    this.#departures.note(look);
    if (this.#events.follow(look.walk.identity)) this.#bell.ring();
  }

  /** Nothing is forgotten of a folder that cannot be looked at: its disk may come back. */
  #noteFault(fault: LarderError): void {
    if (fault.message !== this.#fault?.message) {
      log.warning("{folder}: {reason}", { folder: this.folder, reason: fault.message });
    }
    this.#fault = fault;
    this.#look = undefined;
    this.#departures.forget();
    this.#events.close();
  }

  /** Does what is due. @returns true when nothing is. */
  async #tend(): Promise<boolean> {
    await this.look();
    const look = this.#look;
    if (look === undefined) return true;
    if (await this.#forget(look)) return false;
    await this.#departures.rememberFolder(look);
    const due = look.namesAreSure ? look.candidates.filter((one) => this.#isDue(one)) : [];
    const takes = due.slice(0, TAKES_PER_LOOK).map((one) =>
      this.options.takes.run(() => this.#take(one), this.signal)
    );
    // None goes on after its folder is left.
    await Promise.allSettled(takes);
    this.signal.throwIfAborted();
    return due.length === 0;
  }

  #isDue({ unit, track }: Candidate): boolean {
    return !unit.isHeld && this.#tracks.dueAtMs(track) <= this.options.clock.monotonicMs();
  }

  async #take(candidate: Candidate): Promise<void> {
    const { unit, model, track } = candidate;
    const { folder, mode } = this.options;
    track.isBeingTaken = true;
    try {
      await takeUnit(this.deps, { unit, model, folder, mode, formats: this.#formats, signal: this.signal });
      log.info("{path} is {model}", { path: `${folder}/${unit.path}`, model });
    } catch (error) {
      if (this.signal.aborted) throw error;
      this.#noteFailure(candidate, error);
    } finally {
      track.isBeingTaken = false;
    }
  }

  /** What is no known failure keeps nothing else from being taken either; it is told as what it is. */
  #noteFailure({ unit, track }: Candidate, error: unknown): void {
    if (isLarderError(error, "BUSY")) return this.#tracks.settleAgain(track);
    const path = `${this.folder}/${unit.path}`;
    if (isLarderError(error)) log.warning("{path}: {reason}", { path, reason: error.message });
    else log.error("Cannot take {path}: {error}", { path, error });
    this.#tracks.noteFailure(
      track,
      isLarderError(error) ? error : new LarderError("IO", `Cannot take ${path}`, { cause: error }),
    );
  }

  /** Versions that are outdated, and models that are gone. @returns whether there were any */
  async #forget(look: Look): Promise<boolean> {
    // A file that was linked and then changed in its place has changed the bytes of the version before, too.
    const keptMax = this.options.mode === "hardlink" ? 1 : undefined;
    const old = [...look.taken.values()].flatMap((taken) =>
      outdated(taken, keptMax).map(({ version }) => ({ model: taken.model, version }))
    ).filter(({ model, version }) => !hasAlias(this.deps, model, version));
    const gone = this.#departures.gone(look);
    for (const { model } of gone) log.info("{model} is gone from {folder}", { model, folder: this.folder });
    const versions = gone.flatMap((taken) =>
      taken.versions.map(({ version }) => ({ model: taken.model, version }))
    );
    for (const one of [...old, ...versions]) {
      this.signal.throwIfAborted();
      await dropVersion(this.deps, this.folder, one);
    }
    return old.length + versions.length > 0;
  }

  /** Until something is due by itself, or seems to have changed. */
  async #rest(): Promise<void> {
    const { clock } = this.options;
    const endMs = clock.monotonicMs() + this.#restMs();
    while (!this.signal.aborted && clock.monotonicMs() < endMs) {
      const isRung = await this.#bell.wait(Math.min(OFTEN_MS, endMs - clock.monotonicMs()), this.signal);
      if (isRung || await this.#hasMoved()) return;
    }
  }

  async #hasMoved(): Promise<boolean> {
    const walk = this.#look?.walk;
    return walk === undefined || await hasMoved(this.folder, walk, FOLDERS_ASKED_MAX);
  }

  #restMs(): number {
    const nowMs = this.options.clock.monotonicMs();
    const look = this.#look;
    const hasEvents = this.#events.areOpen;
    const dueMs = [
      ...(look?.candidates ?? []).filter(({ unit }) => !unit.isHeld)
        .map(({ track }) => this.#tracks.dueAtMs(track)),
      ...look?.namesDueAtMs === undefined ? [] : [look.namesDueAtMs],
    ].map((ms) => ms - nowMs);
    const regularMs = hasEvents ? QUIET_MS : Math.max(OFTEN_MS, LOOK_SHARE * this.#lookMs);
    const goneMs = look === undefined ? Infinity : this.#departures.dueInMs(look);
    return Math.max(0, Math.min(regularMs, goneMs, ...dueMs));
  }
}

/** What happens in the home, or under names that are passed over. */
function isOfNoInterest(folder: string, home: string, path: string | undefined): boolean {
  if (path === undefined) return false;
  const inHome = relative(home, `${folder}/${path}`);
  return path.split("/").some((name) => name.startsWith(".")) ||
    (!inHome.startsWith("..") && !isAbsolute(inHome));
}
