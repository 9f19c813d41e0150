import {
  type Clock,
  type DayHours,
  isWithin,
  LarderError,
  parseDayHours,
  RateLimit,
  untilAborted,
} from "../../core/index.ts";
import type { ScrubChanges, ScrubView } from "../scrub-types.ts";
import type { ScrubPlace } from "./place.ts";

/** Between two looks whether an hour has come: a change of the clock is noticed as soon. */
const LOOK_MS = 60_000;
/** What a file costs at least: opening it and telling of it takes as long as reading so many. */
const FILE_BYTES = 64 * 1024;

export interface ScrubSettings {
  /** 0 switches it off. */
  readonly bytesPerS: number;
  /** As `parseDayHours` of core reads it. */
  readonly hours: string;
  /** A blob that was verified within so many seconds is passed over. */
  readonly everyS: number;
}

/** Says when something may be read, and how fast. */
export class ScrubGate {
  readonly #limit: RateLimit;
  #bytesPerS: number;
  #hoursText: string;
  #hours: DayHours;
  #changed = Promise.withResolvers<void>();

  constructor(
    private readonly clock: Clock,
    { bytesPerS, hours }: ScrubSettings,
    private readonly place: Pick<ScrubPlace, "paused" | "wasAsked" | "passStartedAtS" | "nextPassAtS">,
  ) {
    this.#limit = new RateLimit(bytesPerS, clock);
    this.#bytesPerS = bytesPerS;
    this.#hoursText = hours;
    this.#hours = readHours(hours);
  }

  get bytesPerS(): number {
    return this.#bytesPerS;
  }

  get hours(): string {
    return this.#hoursText;
  }

  get state(): Exclude<ScrubView["state"], "idle"> {
    const { paused, wasAsked, passStartedAtS, nextPassAtS } = this.place;
    if (this.#bytesPerS === 0) return "off";
    if (paused) return "paused";
    const nowS = this.clock.nowS();
    const isHour = wasAsked || isWithin(this.#hours, new Date(nowS * 1000));
    const isDue = passStartedAtS !== null || nowS >= nextPassAtS;
    return isHour && isDue ? "running" : "waiting";
  }

  /** @throws {LarderError} BAD_BODY */
  change({ rate_bytes_per_s: bytesPerS = this.#bytesPerS, hours = this.#hoursText }: ScrubChanges): void {
    if (!Number.isSafeInteger(bytesPerS) || bytesPerS < 0) {
      throw new LarderError("BAD_BODY", `Cannot scrub at ${bytesPerS} bytes per second`, {
        field: "rate_bytes_per_s",
        hint: "Give whole bytes per second, 0 to switch it off.",
      });
    }
    this.#hours = readHours(hours);
    this.#hoursText = hours;
    this.#bytesPerS = bytesPerS;
    this.#limit.setRate(bytesPerS);
    this.wake();
  }

  /** Something that {@link state} depends on is different now. */
  wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Resolves when something may be read. Rejects with the signal's reason. */
  async untilOpen(signal: AbortSignal): Promise<void> {
    while (this.state !== "running") await this.#untilChanged(signal);
    signal.throwIfAborted();
  }

  /** Resolves when these bytes are due. */
  async pay(bytes: number, signal: AbortSignal): Promise<void> {
    await this.#limit.take(Math.max(bytes, FILE_BYTES), signal);
  }

  async #untilChanged(signal: AbortSignal): Promise<void> {
    const changed = this.#changed.promise;
    if (this.state !== "waiting") return await untilAborted(changed, signal);
    const over = new AbortController();
    const slept = this.clock.sleep(this.#waitMs(), over.signal).catch(() => {});
    try {
      await untilAborted(Promise.race([changed, slept]), signal);
    } finally {
      over.abort();
    }
  }

  #waitMs(): number {
    const dueMs = (this.place.nextPassAtS - this.clock.nowS()) * 1000;
    return dueMs > 0 ? Math.min(dueMs, LOOK_MS) : LOOK_MS;
  }
}

/** @throws {LarderError} BAD_BODY */
function readHours(text: string): DayHours {
  const hours = parseDayHours(text);
  if (hours !== undefined) return hours;
  throw new LarderError("BAD_BODY", `Cannot scrub at the hours ${JSON.stringify(text)}`, {
    field: "hours",
    hint: 'Give hours of the day such as "1-5" or "22-6", or an empty text for the whole day.',
  });
}
