import type { Preload } from "../../src/preload/index.ts";

export const VIEW = {
  state: "idle",
  config: { enabled: true, strategy: "size", batch_size: 2, delay_ms: 5 },
  queue: [{
    reference: "acme/tiny:q4",
    origin: "user",
    priority: 7.25,
    reason: "has 10 bytes",
    user_priority: 7,
    added_at: 1_700_000_000,
    state: "skipped",
    skipped: "does not fit: it needs 10 bytes beside what is in memory",
  }],
} as const satisfies Awaited<ReturnType<Preload["list"]>>;

export const STATS = {
  total_preloaded: 4,
  successful: 3,
  failed: 1,
  skipped: 9,
  total_time_ms: 4500,
  success_rate: 0.75,
  avg_time_ms: 1500,
};

export const RESULTS = [
  { reference: "iris", outcome: "loaded", reason: null, load_ms: 12 },
  { reference: "acme/tiny:q4", outcome: "gave_way", reason: "a request needs its room", load_ms: null },
] as const;

/** What routes and verbs can be tried against: it answers, and remembers what it was asked. */
export class StandInPreload implements Preload {
  readonly calls: unknown[][] = [];

  list: Preload["list"] = async () => VIEW;

  add: Preload["add"] = async (requests) => {
    this.calls.push(["add", requests]);
    return requests.map(({ model }) => model);
  };

  remove: Preload["remove"] = async (reference) => {
    this.calls.push(["remove", reference]);
    return reference === "absent" ? 0 : 1;
  };

  configure: Preload["configure"] = async (changes) => {
    this.calls.push(["configure", changes]);
    return { ...VIEW.config, ...changes };
  };

  stats: Preload["stats"] = async () => STATS;

  process: Preload["process"] = async () => {
    this.calls.push(["process"]);
    return RESULTS;
  };
}
