import type { ModelKey } from "../cache/index.ts";
import {
  type Clock,
  type Digest,
  type Events,
  isLarderError,
  LarderError,
  logger,
  Semaphore,
} from "../core/index.ts";
import type { Downloader } from "../download/index.ts";
import type { PullRow, PullState, Registry } from "../registry/index.ts";
import { addressNeeded, badPullState, pullNotFound, shuttingDown } from "./pull-errors.ts";
import { partKeysOf, planPull, pullIdentity, type PullPlan, transferKey } from "./pull-plan.ts";
import type { PullProgress } from "./hub-manifest.ts";
import type { Arrival } from "./listing/index.ts";
import { rowView } from "./pull-view.ts";
import { PullRun, type PullRunDeps, RESTING } from "./pull-run.ts";
import type { SharedTransfers } from "./shared-transfers.ts";
import type { PullLimits, PullRequest, PullView } from "./types.ts";
import { versionExists } from "./version-writer.ts";

const HISTORY_MAX = 1000;
const UNFINISHED = ["queued", "running"] as const;
const OVER: ReadonlySet<PullState> = new Set<PullState>(["done", "failed", "cancelled"]);
const log = logger("pulls");

export interface PullsDeps extends Omit<PullRunDeps, "transfers"> {
  readonly registry: Registry;
  readonly downloader: Pick<Downloader, "setRate" | "setConnections">;
  readonly transfers: Pick<SharedTransfers, "run" | "discard">;
  readonly events: Events;
  readonly clock: Clock;
  readonly limits: PullLimits;
}

/** All pulls: started, queued, stopped, resumed, remembered. */
export class Pulls {
  readonly #runs = new Map<string, PullRun>();
  readonly #active = new Map<string, PullRun>();
  readonly #working = new Map<string, Promise<void>>();
  readonly #slots: Semaphore;
  #limits: PullLimits;
  #closing = false;

  constructor(private readonly deps: PullsDeps) {
    this.#limits = deps.limits;
    this.#slots = new Semaphore(deps.limits.pulls_at_once);
  }

  get limits(): PullLimits {
    return this.#limits;
  }

  get runningCount(): number {
    return [...this.#active.values()].filter((run) => run.state === "running").length;
  }

  /** Parts that an unfinished pull would resume: not to be swept. */
  partKeys(): Set<string> {
    const rows = this.deps.registry.listPulls({ limit: HISTORY_MAX, states: [...UNFINISHED, "paused"] });
    const resting = rows.filter(({ id }) => !this.#runs.has(id)).flatMap((row) => storedPlan(row) ?? []);
    // What a run says is newer than its row.
    const known = [...this.#runs.values()].filter(({ state }) => !OVER.has(state)).map(({ plan }) => plan);
    return new Set([...resting, ...known].flatMap((plan) => plan.files.flatMap(partKeysOf)));
  }

  /** What is queued or running: variants whose version is known, and digests of the files that are wanted. */
  underWay(): { readonly variants: readonly ModelKey[]; readonly digests: ReadonlySet<Digest> } {
    const plans = [...this.#active.values()].map(({ plan }) => plan);
    return {
      variants: plans.flatMap(({ model, version, variant }) => version ? [{ model, version, variant }] : []),
      digests: new Set(plans.flatMap(({ files }) => files.flatMap(({ digest }) => digest ?? []))),
    };
  }

  /** Starts a pull, or joins the same one that is under way. */
  async start(request: PullRequest): Promise<PullView> {
    return await this.#startPlan(planPull(request), newId());
  }

  list(options: { readonly limit?: number; readonly active?: boolean } = {}): PullView[] {
    const rows = this.deps.registry.listPulls({
      limit: Math.min(options.limit ?? 100, HISTORY_MAX),
      ...(options.active === true ? { states: [...UNFINISHED, "paused"] } : {}),
    });
    const views = rows.map((row) => this.#runs.get(row.id)?.view() ?? rowView(row));
    return options.active === true ? views.filter(({ state }) => !OVER.has(state)) : views;
  }

  get(id: string): PullView {
    const run = this.#runs.get(id);
    if (run !== undefined) return run.view();
    const row = this.deps.registry.findPull(id);
    if (row === undefined) throw pullNotFound(id);
    return rowView(row);
  }

  async *watch(id: string, signal?: AbortSignal): AsyncGenerator<PullView> {
    const run = this.#runs.get(id);
    if (run === undefined) yield this.get(id);
    else {yield* run.changes.watch(
        () => run.view(),
        (view) => RESTING.has(view.state),
        this.deps.clock,
        signal,
      );}
  }

  async pause(id: string): Promise<PullView> {
    return await this.#stop(id, "paused");
  }

  /** What was fetched goes, unless another unfinished pull wants it. */
  async cancel(id: string): Promise<PullView> {
    const plan = this.#runs.get(id)?.plan ?? storedPlan(this.deps.registry.findPull(id));
    const view = await this.#stop(id, "cancelled");
    if (plan !== undefined) await this.#discardParts(plan);
    return view;
  }

  async resume(id: string): Promise<PullView> {
    // One that is being stopped ends first: its last line of history must not come after ours.
    if (this.#runs.get(id)?.signal.aborted) await this.#working.get(id);
    const { state } = this.get(id);
    if (state === "queued" || state === "running") return this.get(id);
    if (state === "done" || state === "cancelled") throw badPullState(id, state, "resume");
    const plan = this.#runs.get(id)?.plan ?? storedPlan(this.deps.registry.findPull(id));
    if (plan === undefined) throw addressNeeded(id);
    return await this.#startPlan(plan, id);
  }

  /** Takes up what an earlier process was working on. */
  async resumeInterrupted(): Promise<void> {
    for (const row of this.deps.registry.listPulls({ limit: HISTORY_MAX, states: UNFINISHED })) {
      await this.#resumeRow(row);
    }
  }

  /** One that cannot go on keeps none of the others from it. */
  async #resumeRow(row: PullRow): Promise<void> {
    const plan = storedPlan(row);
    try {
      if (plan === undefined) throw addressNeeded(row.id);
      await this.#startPlan(plan, row.id);
    } catch (error) {
      if (!isLarderError(error) || error.code === "SHUTTING_DOWN") throw error;
      const state = plan === undefined ? "paused" : "failed";
      await this.deps.registry.putPull({ ...row, state, error: error.toRecord() });
    }
  }

  setLimits(limits: Partial<PullLimits>): PullLimits {
    this.#limits = { ...this.#limits, ...limits };
    this.#slots.setLimit(this.#limits.pulls_at_once);
    this.deps.downloader.setRate(this.#limits.rate_bytes_per_s);
    this.deps.downloader.setConnections(this.#limits.connections_per_pull);
    return this.#limits;
  }

  /** Stops all pulls; they go on with the next start. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const run of this.#active.values()) run.stop("queued", shuttingDown());
    await Promise.allSettled(this.#working.values());
  }

  /** What unfinished pulls have of a version's variants. */
  progressOf(model: string, version: string): Map<string, PullProgress> {
    const views = this.list({ limit: HISTORY_MAX, active: true });
    return new Map(
      views.filter((view) => view.model === model && view.version === version).map((view) => [
        view.variant,
        { bytesDone: view.bytes_done, updatedAtS: view.created_at },
      ]),
    );
  }

  /** What those of this process that are queued or run will bring; one that is not written down yet may still be refused. */
  arrivals(): Arrival[] {
    const runs = [...this.#active.values()].filter(({ id, state }) =>
      this.#working.has(id) && (state === "queued" || state === "running")
    );
    return runs.map((run) => ({
      model: run.plan.model,
      version: run.version,
      variant: run.plan.variant,
      sinceS: run.createdAtS,
      provider: run.plan.hub === undefined ? "url" : "hub",
    }));
  }

  async #startPlan(plan: PullPlan, id: string): Promise<PullView> {
    if (this.#closing) throw shuttingDown();
    const identity = pullIdentity(plan);
    const same = this.#active.get(identity);
    if (same !== undefined && !same.signal.aborted && !RESTING.has(same.state)) return same.view();
    this.#refuseConflict(plan);
    const createdAtS = this.deps.registry.findPull(id)?.createdAtS ?? this.deps.clock.nowS();
    const run = new PullRun(id, plan, createdAtS, this.deps);
    this.#runs.set(id, run);
    this.#active.set(identity, run);
    try {
      await this.deps.registry.putPull(run.row());
    } catch (error) {
      this.#forget(identity, run);
      this.#runs.delete(id);
      throw error;
    }
    const work = this.#work(run).finally(() => this.#forget(identity, run));
    this.#working.set(id, work);
    this.deps.events.emit({ type: "pull", pullId: id });
    return run.view();
  }

  /** An existing version with other bytes is known before anything is fetched, where digests were given. */
  #refuseConflict(plan: PullPlan): void {
    const before = plan.version === undefined
      ? undefined
      : this.deps.registry.findVersion(plan.model, plan.version);
    if (before === undefined) return;
    const known = new Map(before.files.map((file) => [file.path, file.digest]));
    for (const { path, digest } of plan.files) {
      const there = known.get(path);
      if (there !== undefined && digest !== undefined && there !== digest) throw versionExists(before, path);
    }
  }

  async #work(run: PullRun): Promise<void> {
    try {
      const release = await this.#slots.acquire(run.signal);
      try {
        await run.run(() => this.deps.registry.putPull(run.row()));
      } finally {
        release();
      }
    } catch (error) {
      if (!run.signal.aborted) throw error;
    }
    if (run.cause !== undefined) {
      log.error("pull {id} failed: {cause}", { id: run.id, cause: String(run.cause) });
    }
    await this.deps.registry.putPull(run.row()).catch((error: unknown) =>
      // The files are safe without this line of history.
      log.error("cannot note the end of pull {id}: {error}", { id: run.id, error: String(error) })
    );
    this.#prune();
  }

  #forget(identity: string, run: PullRun): void {
    this.#working.delete(run.id);
    if (this.#active.get(identity) === run) this.#active.delete(identity);
  }

  /** Keeps finished runs of this process bounded: their rows remain. */
  #prune(): void {
    for (const [id, run] of this.#runs) {
      if (this.#runs.size <= HISTORY_MAX) return;
      if (RESTING.has(run.state)) this.#runs.delete(id);
    }
  }

  async #stop(id: string, state: "paused" | "cancelled"): Promise<PullView> {
    const view = this.get(id);
    if (view.state === state) return view;
    if (view.state === "done" || view.state === "cancelled") {
      throw badPullState(id, view.state, state === "paused" ? "pause" : "cancel");
    }
    const run = this.#runs.get(id);
    run?.stop(state, new LarderError("CANCELLED", `Cannot finish pull ${id}: it was ${state}`));
    await this.#working.get(id);
    if (run?.state === state) return run.view();
    return await this.#restAs(id, state);
  }

  async #discardParts(plan: PullPlan): Promise<void> {
    const wanted = this.partKeys();
    for (const file of plan.files) {
      if (wanted.has(transferKey(file))) continue;
      try {
        await this.deps.transfers.discard(file);
      } catch (error) {
        // The next sweep takes it.
        log.warn("cannot delete what a cancelled pull left: {error}", { error: String(error) });
      }
    }
  }

  /** A pull that nobody works on any more: only its state changes. */
  async #restAs(id: string, state: "paused" | "cancelled"): Promise<PullView> {
    const row = this.deps.registry.findPull(id);
    if (row === undefined) throw pullNotFound(id);
    this.#runs.delete(id);
    await this.deps.registry.putPull({ ...row, state, updatedAtS: this.deps.clock.nowS() });
    return this.get(id);
  }
}

function newId(): string {
  return `p${Date.now().toString(36)}${
    crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36).padStart(7, "0")
  }`;
}

function storedPlan(row: PullRow | undefined): PullPlan | undefined {
  return row?.request as PullPlan | undefined;
}
