import { type Clock, type Events, isLarderError, LarderError, logger } from "../core/index.ts";
import type { PullRow, PullState, VariantStatus } from "../registry/index.ts";
import { FALLS_BACK, type HubCandidate, type HubOffer, type HubOffers } from "./hub-offer.ts";
import { Rate } from "./progress.ts";
import { PullFiles } from "./pull-files.ts";
import { isStorable, type PlannedFile, type PullPlan } from "./pull-plan.ts";
import type { SharedTransfers } from "./shared-transfers.ts";
import type { PullView } from "./types.ts";
import type { VersionWriter } from "./version-writer.ts";
import { Changes } from "./watch.ts";

/** States that end a watch: nothing changes any more until somebody asks for it. */
export const RESTING: ReadonlySet<PullState> = new Set<PullState>(["done", "failed", "cancelled", "paused"]);

const log = logger("pulls");

export interface PullRunDeps {
  readonly transfers: Pick<SharedTransfers, "run">;
  readonly versions: Pick<VersionWriter, "add">;
  readonly hub: HubOffers;
  /** @throws {LarderError} NO_SPACE when there cannot be room for these files */
  readonly makeRoom: (files: readonly PlannedFile[]) => Promise<void>;
  readonly events: Events;
  readonly clock: Clock;
}

type StopState = Extract<PullState, "paused" | "cancelled" | "queued">;

/** One pull while this process works on it: its files, its progress and its state. */
export class PullRun {
  readonly changes = new Changes();
  readonly #rate: Rate;
  readonly #controller = new AbortController();
  #plan: PullPlan;
  #files: PullFiles;
  #bytesFetched = 0;
  #state: PullState = "queued";
  #error: LarderError | undefined;
  #version: string | undefined;
  #finishedAtS: number | undefined;
  #stoppedAs: StopState | undefined;

  constructor(
    readonly id: string,
    plan: PullPlan,
    readonly createdAtS: number,
    private readonly deps: PullRunDeps,
  ) {
    this.#plan = plan;
    this.#files = new PullFiles(plan.files, deps.transfers);
    this.#rate = new Rate(deps.clock);
    this.#version = plan.version;
  }

  /** As it was asked for; of a hub pull with what came of it so far. */
  get plan(): PullPlan {
    return this.#plan;
  }

  get state(): PullState {
    return this.#state;
  }

  /** Undefined until it is known. */
  get version(): string | undefined {
    return this.#version;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * Fetches all files and writes the version. Never throws: how it went is the state.
   *
   * @param onPlanned Called when a hub's answer made the plan another one, before anything of it is fetched.
   */
  async run(onPlanned: () => Promise<void>): Promise<void> {
    this.#enter("running");
    try {
      if (this.#plan.hub === undefined) {
        await this.deps.makeRoom(this.#plan.files);
        await this.#fetchVersion();
      } else await this.#fetchOffered(await this.deps.hub.offer(this.#plan, this.signal), onPlanned);
      this.#enter("done");
    } catch (error) {
      if (this.#stoppedAs !== undefined) this.#enter(this.#stoppedAs);
      else this.#fail(error);
    }
  }

  /** Ends it early; what was fetched stays unless nobody will ask for it again. `queued` means: goes on with the next start. */
  stop(state: StopState, reason: LarderError): void {
    this.#stoppedAs ??= state;
    this.#controller.abort(reason);
    if (this.#state === "queued") this.#enter(state);
  }

  view(): PullView {
    const { bytesDone, bytesTotal } = this.#files;
    const isLookedAt = this.#plan.files.length > 0 || this.#state === "done";
    const total = isLookedAt ? bytesTotal : null;
    const eta = total === null || this.#state !== "running"
      ? undefined
      : this.#rate.etaS(Math.max(0, total - bytesDone));
    return {
      id: this.id,
      model: this.#plan.model,
      version: this.#version ?? null,
      variant: this.#plan.variant,
      skipped: this.#plan.skipped ?? [],
      state: this.#state,
      bytes_done: bytesDone,
      bytes_total: total,
      rate_bytes_per_s: this.#state === "running" ? Math.round(this.#rate.bytesPerS) : 0,
      eta_s: eta === undefined ? null : Math.round(eta * 10) / 10,
      created_at: this.createdAtS,
      finished_at: this.#finishedAtS ?? null,
      files: this.#files.views(),
      error: this.#error?.toRecord() ?? null,
    };
  }

  row(): PullRow {
    const updatedAtS = this.deps.clock.nowS();
    return {
      id: this.id,
      model: this.#plan.model,
      ...(this.#version === undefined ? {} : { version: this.#version }),
      variant: this.#plan.variant,
      state: this.#state,
      createdAtS: this.createdAtS,
      updatedAtS,
      ...(this.#finishedAtS === undefined ? {} : { finishedAtS: this.#finishedAtS }),
      ...(isStorable(this.#plan) ? { request: this.#plan } : {}),
      ...(this.#error === undefined ? {} : { error: this.#error.toRecord() }),
      files: this.#files.rows(),
    };
  }

  /** One variant after the other until one is there. */
  async #fetchOffered(offer: HubOffer, onPlanned: () => Promise<void>): Promise<void> {
    this.#version = offer.version;
    this.#take({ ...this.#plan, skipped: [] });
    for (const [index, candidate] of offer.candidates.entries()) {
      const isLast = index === offer.candidates.length - 1;
      if (await this.#fetchCandidate(offer, candidate, isLast, onPlanned)) return;
    }
  }

  /** @returns Whether it is there; false when the next one is to be tried. */
  async #fetchCandidate(
    { version, aliases, noteEnd, explain }: HubOffer,
    { variant, present, plan }: HubCandidate,
    isLast: boolean,
    onPlanned: () => Promise<void>,
  ): Promise<boolean> {
    try {
      this.#take({ ...this.#plan, version, variant, aliases, files: await plan(this.signal) });
      if (present !== undefined) this.#files.settle(present);
      else {
        await onPlanned();
        this.#announce(variant, "downloading");
        await this.#fetchVersion();
        await noteEnd(variant);
        this.#announce(variant, "downloaded");
      }
      return true;
    } catch (failure) {
      if (this.signal.aborted) this.#announce(variant, "available");
      if (this.signal.aborted || !isLarderError(failure)) throw failure;
      const error = await explain(failure, this.#plan.files, this.signal);
      await noteEnd(variant, { error, bytesDone: this.#files.bytesDone });
      this.#announce(variant, "failed");
      // What another variant cannot mend ends it.
      if (isLast || !FALLS_BACK.has(error.code)) throw error;
      log.warn("pull {id}: variant {variant} of {model} is left out, the next one is tried: {error}", {
        ...{ id: this.id, variant, model: this.#plan.model, error: error.message },
      });
      const skipped = [...this.#plan.skipped ?? [], { variant, error: error.toRecord() }];
      this.#take({ ...this.#plan, variant, files: [], skipped });
      return false;
    }
  }

  #take(plan: PullPlan): void {
    this.#plan = plan;
    this.#files = new PullFiles(plan.files, this.deps.transfers);
    this.changes.notify();
  }

  #announce(variant: string, status: VariantStatus): void {
    const { model } = this.#plan;
    if (this.#version === undefined) return;
    this.deps.events.emit({ type: "variant", model, version: this.#version, variant, status });
  }

  async #fetchVersion(): Promise<void> {
    const { model, version, variant, aliases } = this.#plan;
    const unpin = await this.#files.fetchAll({
      signal: this.signal,
      group: this.id,
      stoppedAs: () => this.#stoppedAs,
      onChange: (bytesFetched) => this.#onChange(bytesFetched),
    });
    try {
      this.#version = await this.deps.versions.add({
        model,
        ...(version === undefined ? {} : { version }),
        variant,
        aliases,
        files: this.#files.versionFiles(),
      });
    } finally {
      unpin();
    }
  }

  #onChange(bytesFetched: number): void {
    this.#bytesFetched += bytesFetched;
    this.#rate.update(this.#bytesFetched);
    this.changes.notify();
  }

  #fail(error: unknown): void {
    this.#error = isLarderError(error)
      ? error
      : new LarderError("IO", "Cannot finish this pull: something unexpected happened", {
        hint: "See the log.",
        cause: error,
      });
    this.#enter("failed");
  }

  get cause(): unknown {
    return this.#error?.cause;
  }

  #enter(state: PullState): void {
    this.#state = state;
    if (state === "done" || state === "failed" || state === "cancelled") {
      this.#finishedAtS = this.deps.clock.nowS();
    }
    // Before whoever watches sees it: what is remembered of the model must not be older than what they know.
    this.deps.events.emit({ type: "pull", pullId: this.id });
    if (RESTING.has(state)) this.changes.end();
    else this.changes.notify();
  }
}
