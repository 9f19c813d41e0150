import { type Clock, LarderError, type LarderEvent, logger, parseDigest } from "../../core/index.ts";
import type { Registry } from "../../registry/index.ts";
import type { Descriptions } from "./descriptions.ts";
import { HitCount } from "./hit-count.ts";
import type { Outside, OutsideState, WatchedFiles } from "./outside.ts";
import type { TimeToLive } from "./time-to-live.ts";

/** After a look at everything has failed in the background. */
const RETRY_MS = 10_000;
/** Of one blob: a model that shares it with so many others is looked at when everything is. */
const NAMES_MAX = 1000;
const log = logger("listing");

export interface KnownModelsDeps {
  readonly descriptions: Descriptions;
  readonly outside: Outside;
  readonly ttl: TimeToLive;
  readonly registry: Pick<Registry, "foreignWrites" | "namesOf">;
  /** The model of a pull; undefined when the pull is not known. */
  readonly modelOfPull: (id: string) => string | undefined;
  readonly watched: WatchedFiles;
  readonly clock: Clock;
}

interface Look {
  readonly outside: OutsideState;
  readonly done: Promise<void>;
}

/**
 * The service cache: descriptions of all models, and whether they hold. They hold for the time to live, while nobody else wrote to the
 * registry and no folder changed; what this process changes is looked at again model by model. All who wait for a look at everything share it.
 */
export class KnownModels {
  readonly counts = new HitCount();
  readonly #deps: KnownModelsDeps;
  readonly #stopping = new AbortController();
  /** What the descriptions stand on, once they are complete. */
  #complete: { readonly outside: OutsideState; readonly atS: number; readonly atMs: number } | undefined;
  #running: Look | undefined;
  #next: Promise<void> | undefined;
  #retryAtMs = 0;
  /** Models that were found in watched folders and not taken yet. */
  #pending: ReadonlySet<string> = new Set();

  constructor(deps: KnownModelsDeps) {
    this.#deps = deps;
  }

  /** When everything was last looked at, in Unix seconds. */
  get lookedAtS(): number | undefined {
    return this.#complete?.atS;
  }

  get ageS(): number | undefined {
    return this.#complete && (this.#deps.clock.monotonicMs() - this.#complete.atMs) / 1000;
  }

  /**
   * Makes sure that the descriptions hold. Undefined: they do, or they are only too old and are being renewed; else it takes a look at
   * everything.
   *
   * @param onDisk Whether folders are looked at too.
   */
  ensure(foreignWrites: number, onDisk: boolean): Promise<void> | undefined {
    this.#followPending();
    if (!this.#holds(foreignWrites, onDisk)) return this.#wait(foreignWrites, onDisk);
    if (this.#isExpired && this.#running === undefined && this.#next === undefined) {
      this.#renew(foreignWrites);
    }
    return undefined;
  }

  async isValid(): Promise<boolean> {
    return this.#holds(await this.#deps.registry.foreignWrites(), true) && !this.#isExpired;
  }

  /** A look at everything that begins from now on. */
  async refresh(): Promise<void> {
    await this.#lookFromNow(await this.#deps.registry.foreignWrites());
  }

  /** What this process did. */
  noteEvent(event: LarderEvent): void {
    if (event.type === "version" || event.type === "removed") {
      for (const state of [this.#complete?.outside, this.#running?.outside]) {
        if (state !== undefined) this.#deps.outside.noteOwn(state);
      }
    }
    this.touch(this.#touchedBy(event), event.type === "repaired");
  }

  /** Looks at these again. */
  touch(models: Iterable<string>, wereRepaired = false): void {
    if (this.#complete === undefined && this.#running === undefined) return;
    try {
      for (const model of models) this.#deps.descriptions.touch(model, wereRepaired);
    } catch (error) {
      // Whoever tells of an event has nothing to do with the list: the next one who asks for it looks at everything.
      this.#complete = undefined;
      log.warn("Cannot keep the list of models up to date: {error}", { error: String(error) });
    }
  }

  /** Waits for a look that goes on, which ends soon. */
  async close(): Promise<void> {
    this.#stopping.abort(
      new LarderError("SHUTTING_DOWN", "Cannot list models: larder is stopping", { retryable: true }),
    );
    await this.#running?.done.catch(() => {});
  }

  /** Nobody tells of them: they are few, and known without a look at the disk. */
  #followPending(): void {
    const pending = new Set(this.#deps.watched.pending().map(({ model }) => model));
    if (pending.size === 0 && this.#pending.size === 0) return;
    const before = this.#pending;
    this.#pending = pending;
    this.touch(pending.symmetricDifference(before));
  }

  get #isExpired(): boolean {
    const nowMs = this.#deps.clock.monotonicMs();
    const sinceMs = nowMs - (this.#complete?.atMs ?? 0);
    return sinceMs >= this.#deps.ttl.seconds * 1000 && nowMs >= this.#retryAtMs;
  }

  #holds(foreignWrites: number, onDisk: boolean): boolean {
    return this.#complete !== undefined &&
      this.#deps.outside.isSame(this.#complete.outside, foreignWrites, onDisk);
  }

  #wait(foreignWrites: number, onDisk: boolean): Promise<void> {
    this.counts.misses++;
    const running = this.#running;
    const isEnough = running && this.#deps.outside.isSame(running.outside, foreignWrites, onDisk);
    return isEnough ? running.done : this.#lookFromNow(foreignWrites);
  }

  #renew(foreignWrites: number): void {
    this.#look(foreignWrites).catch((error: unknown) => {
      this.#retryAtMs = this.#deps.clock.monotonicMs() + RETRY_MS;
      if (!this.#stopping.signal.aborted) {
        log.warn("Cannot renew the list of models, the one before goes on: {error}", {
          error: String(error),
        });
      }
    });
  }

  /** A look that goes on may have begun too early: all who come meanwhile share the one after it. */
  #lookFromNow(foreignWrites: number): Promise<void> {
    if (this.#next !== undefined) return this.#next;
    if (this.#running === undefined) return this.#look(foreignWrites);
    return this.#next = this.#lookAfter(this.#running.done);
  }

  async #lookAfter(running: Promise<void>): Promise<void> {
    await running.catch(() => {});
    await this.#look(await this.#leaveQueue());
  }

  async #leaveQueue(): Promise<number> {
    try {
      return await this.#deps.registry.foreignWrites();
    } finally {
      this.#next = undefined;
    }
  }

  #look(foreignWrites: number): Promise<void> {
    const outside = this.#deps.outside.now(foreignWrites);
    const isChanged = this.#complete !== undefined && this.#complete.outside.watched !== outside.watched;
    const done = this.#lookNow(outside, isChanged).finally(() => this.#running = undefined);
    this.#running = { outside, done };
    return done;
  }

  async #lookNow(outside: OutsideState, looksAtFolders: boolean): Promise<void> {
    const { descriptions, watched, clock } = this.#deps;
    const [atS, atMs] = [clock.nowS(), clock.monotonicMs()];
    if (looksAtFolders) await watched.lookNow();
    this.#followPending();
    await descriptions.rebuild(this.#stopping.signal);
    this.#complete = { outside, atS, atMs };
  }

  /** One by one: what cannot be told is found out where they are looked at. */
  *#touchedBy(event: LarderEvent): Generator<string> {
    if (event.type === "pull") {
      const model = this.#deps.modelOfPull(event.pullId);
      if (model !== undefined) yield model;
    } else if ("model" in event) yield event.model;
    else if ("digest" in event) yield* new Set(this.#namesOf(event.digest));
  }

  #namesOf(digest: string): string[] {
    return this.#deps.registry.namesOf(parseDigest(digest), NAMES_MAX).map(({ model }) => model);
  }
}
