import type { ModelOptionsApi, OptionsChangeView, OptionsView } from "../../src/library/index.ts";

export const OPTIONS: OptionsView = {
  model: "iris",
  variant: null,
  options: { threads: 2 },
  in_force: { threads: 2, pinned: true },
  allowed: ["threads", "pinned"],
};

export const CHANGED: OptionsChangeView = { ...OPTIONS, applied: "now" };

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

  async remove(...asked: Parameters<ModelOptionsApi["remove"]>): Promise<OptionsChangeView> {
    this.calls.push(["options.remove", ...asked]);
    return CHANGED;
  }
}
