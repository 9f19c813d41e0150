import type { ScrubApi, ScrubChanges, ScrubReport, ScrubView } from "../../src/library/index.ts";

export const SCRUB: ScrubView = {
  state: "waiting",
  hours: "1-5",
  rate_bytes_per_s: 10,
  bytes_done: 1,
  bytes_total: 2,
  pass_started_at: null,
  last_pass_at: 3,
  next_pass_at: 4,
  damaged_found: 5,
  repaired: 6,
  lost: 0,
};

/** Answers as it was told to be, and remembers what that was. */
export class StandInScrub implements ScrubApi {
  readonly calls: Array<readonly [string, ...unknown[]]> = [];
  readonly #report: ScrubReport = { ...SCRUB, position: null, lost: [] };

  async report(): Promise<ScrubReport> {
    this.calls.push(["report"]);
    return this.#report;
  }

  async configure(changes: ScrubChanges): Promise<ScrubReport> {
    this.calls.push(["configure", changes]);
    return { ...this.#report, hours: changes.hours ?? this.#report.hours };
  }

  async run(): Promise<ScrubReport> {
    this.calls.push(["run"]);
    return { ...this.#report, state: "running" };
  }
}
