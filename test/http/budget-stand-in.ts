import type { DiskBudgetApi, DiskBudgetView, DiskExplanation } from "../../src/library/index.ts";

export const DISK: DiskExplanation = {
  budget_bytes: 50_000_000,
  used_bytes: 48_000_000,
  reserved_bytes: 0,
  free_bytes: 9_000_000,
  free_min_bytes: 0,
  policy: "oldest",
  excess_bytes: 0,
  victims: [],
  next: [{
    model: "acme/tiny",
    version: "1",
    variant: "q4",
    size_bytes: 2_000_000,
    reason: "used 2 times",
  }],
  kept: [{ model: "iris", version: "1", variant: "default", size_bytes: 1_000_000, reason: "pinned" }],
};

export const BUDGET: DiskBudgetView = { bytes_max: 50_000_000, free_min: 0, policy: "oldest" };

/** The disk budget of a library that is not there. */
export class StandInBudget implements DiskBudgetApi {
  constructor(private readonly calls: Array<readonly [string, ...unknown[]]>) {}

  async explain(): Promise<DiskExplanation> {
    this.calls.push(["budget.explain"]);
    return DISK;
  }

  async getSettings(): Promise<DiskBudgetView> {
    this.calls.push(["budget.getSettings"]);
    return BUDGET;
  }

  async setSettings(changes: Partial<DiskBudgetView>): Promise<DiskBudgetView> {
    this.calls.push(["budget.setSettings", changes]);
    return { ...BUDGET, ...changes };
  }
}
