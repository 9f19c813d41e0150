import { type Clock, type Events, LarderError, logger } from "../../core/index.ts";
import type { Metrics } from "../../metrics/index.ts";
import type { Registry } from "../../registry/index.ts";
import type { BlobStore } from "../../store/index.ts";
import type { Quarantine } from "../quarantine.ts";
import type { Repair } from "../repair.ts";
import type { ScrubApi, ScrubChanges, ScrubReport, ScrubView } from "../scrub-types.ts";
import { ScrubGate, type ScrubSettings } from "./gate.ts";
import { LOST_MAX, Mender } from "./mender.ts";
import { ScrubPass } from "./pass.ts";
import { readPlace, type ScrubPlace } from "./place.ts";

/** After a failure of the disk or the registry it rests so long, then goes on where it was. */
const REST_MS = 60_000;

const log = logger("scrub");

export interface ScrubDeps {
  readonly registry: Registry;
  readonly store: Pick<BlobStore, "checkChunks" | "verify">;
  readonly quarantine: Pick<Quarantine, "takeOut">;
  readonly repair: Pick<Repair, "blob">;
  readonly events: Events;
  readonly clock: Clock;
  readonly metrics?: Metrics | undefined;
  readonly settings: ScrubSettings;
}

/**
 * Verification over time: finds what rots before somebody needs it, and has it repaired. Nothing goes on until {@link start}; what
 * goes on ends with {@link close}.
 */
export class Scrub implements ScrubApi {
  readonly #stopping = new AbortController();
  readonly #place: ScrubPlace;
  readonly #gate: ScrubGate;
  readonly #pass: ScrubPass;
  readonly #mender: Mender;
  #running: Promise<unknown> | undefined;
  #unsubscribe = () => {};
  #noteBytes: ((bytes: number) => void) | undefined;

  constructor(private readonly deps: ScrubDeps) {
    const { registry, clock, settings } = deps;
    this.#place = readPlace(registry);
    this.#gate = new ScrubGate(clock, settings, this.#place);
    this.#pass = new ScrubPass({
      ...deps,
      gate: this.#gate,
      place: this.#place,
      everyS: settings.everyS,
      noteBytes: (bytes) => this.#noteBytes?.(bytes),
      onBegin: () => this.#mender.tryAgain(),
    });
    const mayMend = () => this.#gate.state === "running" || this.#gate.state === "waiting";
    this.#mender = new Mender({ ...deps, mayMend });
  }

  start(): void {
    if (this.#running !== undefined) return;
    const { events, metrics } = this.deps;
    const countDamaged = metrics?.count("larder_blobs_damaged_total", "Blobs found damaged or missing.");
    const countRepaired = metrics?.count("larder_blobs_repaired_total", "Blobs made whole again.");
    metrics?.gauge("larder_blobs_lost", "Blobs that are damaged or missing.", () => this.#lostCount());
    this.#noteBytes = metrics?.count("larder_scrub_bytes_total", "Bytes that the scrub has read.");
    this.#unsubscribe = events.subscribe(({ type }) => {
      if (type === "damaged") {
        this.#place.damagedFound++;
        countDamaged?.(1);
        this.#mender.wake();
      }
      if (type === "repaired") {
        this.#place.repaired++;
        countRepaired?.(1);
      }
    });
    this.#running = Promise.all([
      this.#keepOn("read", (signal) => this.#pass.run(signal)),
      this.#keepOn("repair", (signal) => this.#mender.run(signal)),
    ]);
  }

  /** Health shows it: nothing here walks through anything. */
  view(): ScrubView {
    const { passStartedAtS, lastPassAtS, nextPassAtS, damagedFound, repaired } = this.#place;
    const { state, hours, bytesPerS } = this.#gate;
    return {
      state: this.#running === undefined ? "idle" : state,
      hours,
      rate_bytes_per_s: bytesPerS,
      bytes_done: this.#pass.bytesDone,
      bytes_total: this.deps.registry.stats().blobBytes,
      pass_started_at: passStartedAtS,
      last_pass_at: lastPassAtS,
      next_pass_at: passStartedAtS === null ? nextPassAtS : null,
      damaged_found: damagedFound,
      repaired,
      lost: this.#lostCount(),
    };
  }

  report(): Promise<ScrubReport> {
    const { passStartedAtS, after, within } = this.#place;
    const position = passStartedAtS === null ? null : { after, chunk: within?.chunk ?? 0 };
    return Promise.resolve({ ...this.view(), position, lost: this.#mender.list() });
  }

  async configure(changes: ScrubChanges): Promise<ScrubReport> {
    this.#gate.change(changes);
    this.#place.paused = changes.paused ?? this.#place.paused;
    return await this.#changed();
  }

  async run(): Promise<ScrubReport> {
    if (this.#gate.bytesPerS === 0) {
      throw new LarderError("BAD_STATE", "Cannot begin a pass: the scrub is off", {
        hint: "Give it a rate, or run `larder verify`.",
      });
    }
    this.#pass.restart();
    this.#place.paused = false;
    return await this.#changed();
  }

  /** Writes down where it is. */
  async close(): Promise<void> {
    this.#unsubscribe();
    this.#stopping.abort(
      new LarderError("SHUTTING_DOWN", "Cannot go on reading: larder is stopping", { retryable: true }),
    );
    if (this.#running === undefined) return;
    await this.#running;
    await this.#pass.write({ durable: true }).catch((error: unknown) =>
      log.warn("cannot write down where the scrub is: {error}", { error: String(error) })
    );
  }

  #lostCount(): number {
    return this.deps.registry.countLost(LOST_MAX);
  }

  async #changed(): Promise<ScrubReport> {
    this.#gate.wake();
    this.#mender.wake();
    await this.#pass.write({ durable: true });
    return await this.report();
  }

  /** What fails for now, such as a disk that cannot be written, is tried again after a rest. */
  async #keepOn(what: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await work(signal);
      } catch (error) {
        if (signal.aborted) return;
        log.error("cannot {what} for now: {error}", { what, error: String(error) });
        await this.deps.clock.sleep(REST_MS, signal).catch(() => {});
      }
    }
  }
}
