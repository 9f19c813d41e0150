import type {
  JobView,
  ModelOptionsApi,
  OptionsChangeView,
  OptionsView,
  TuneResult,
} from "../../src/library/index.ts";

export const OPTIONS: OptionsView = {
  model: "iris",
  variant: null,
  options: { threads: 2 },
  in_force: { threads: 2, pinned: true },
  allowed: ["threads", "pinned"],
};

export const CHANGED: OptionsChangeView = { ...OPTIONS, applied: "now" };

export const TUNE_JOB: JobView = {
  id: "j7",
  kind: "tune",
  state: "running",
  bytes_done: 0,
  bytes_total: null,
  created_at: 1,
  finished_at: null,
  dry_run: false,
  result: null,
  error: null,
};

const MEASURED = { runs: 5, faster: 5, p50_ms: 4, present_p50_ms: 10, gain: 0.6 };
const NOT_MEASURED = { runs: 0, faster: 0, p50_ms: null, present_p50_ms: null, gain: null };

export const TUNED: TuneResult = {
  ...{ model: "iris", version: "2.0.0", variant: "default", runtime: "onnx", present: {} },
  candidates: [
    { options: { threads: 1 }, ...MEASURED },
    {
      options: { threads: 2 },
      ...NOT_MEASURED,
      error: { code: "NO_MEMORY", message: "Cannot load it", retryable: false },
    },
    { options: { spin: true }, ...NOT_MEASURED },
    { options: { threads: 1 }, ...MEASURED, p50_ms: 5, gain: 0.5, confirms: true },
  ],
  ...{ chosen: { threads: 1 }, gain: 0.5, kept: true, reason: "it saves 50 % of the time" },
};

/** Answers always the same, and notes what it was asked. */
export class StandInOptions implements ModelOptionsApi {
  constructor(private readonly calls: Array<readonly [string, ...unknown[]]>) {}

  async find(...asked: Parameters<ModelOptionsApi["find"]>): Promise<OptionsView> {
    this.calls.push(["options.find", ...asked]);
    return OPTIONS;
  }

  async set(...asked: Parameters<ModelOptionsApi["set"]>): Promise<OptionsChangeView> {
    this.calls.push(["options.set", ...asked]);
    return CHANGED;
  }

  async tune(...asked: Parameters<ModelOptionsApi["tune"]>): Promise<JobView> {
    this.calls.push(["options.tune", ...asked]);
    return TUNE_JOB;
  }

  async remove(...asked: Parameters<ModelOptionsApi["remove"]>): Promise<OptionsChangeView> {
    this.calls.push(["options.remove", ...asked]);
    return CHANGED;
  }
}
