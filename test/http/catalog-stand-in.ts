import type { Catalog, JobView, ModelUseView, UsageView, UseView } from "../../src/library/index.ts";

export const USE: UseView = {
  model: "iris",
  version: "2.0.0",
  variant: "default",
  access_count: 7,
  last_used_at: 1_700_000_060,
  age_seconds: 93_600,
  idle_seconds: 125,
  load_ms: 12.5,
  size_bytes: 1024,
  memory_bytes: 2048,
};

export const UNUSED: UseView = {
  ...USE,
  model: "acme/tiny",
  access_count: 0,
  last_used_at: null,
  idle_seconds: 93_600,
  load_ms: null,
  memory_bytes: null,
};

export const USAGE: UsageView = {
  total_bytes: 3 * 1024 ** 3,
  models: 2,
  versions: 3,
  blobs: 5,
  budget_bytes: 4 * 1024 ** 3,
  usage_percent: 75,
  disk: { total_bytes: 100 * 1024 ** 3, free_bytes: 40 * 1024 ** 3 },
};

export const CLEARING: JobView = {
  id: "j2",
  kind: "clear",
  state: "running",
  bytes_done: 0,
  bytes_total: 3 * 1024 ** 3,
  created_at: 1,
  finished_at: null,
  dry_run: false,
  result: null,
  error: null,
};

/** Answers what it is told to, and remembers what it was asked. */
export class StandInCatalog implements Catalog {
  readonly calls: Array<readonly [string, ...unknown[]]> = [];
  usageView = USAGE;

  async cached(...query: unknown[]): Promise<UseView[]> {
    this.calls.push(["cached", ...query]);
    return [USE];
  }

  async oldest(...limit: unknown[]): Promise<UseView[]> {
    this.calls.push(["oldest", ...limit]);
    return [UNUSED, USE];
  }

  async leastUsed(...limit: unknown[]): Promise<UseView[]> {
    this.calls.push(["leastUsed", ...limit]);
    return [UNUSED, USE];
  }

  async usage(): Promise<UsageView> {
    this.calls.push(["usage"]);
    return this.usageView;
  }

  async use(reference: string): Promise<ModelUseView> {
    this.calls.push(["use", reference]);
    return { model: reference, variants: [USE] };
  }

  async clear(request: unknown): Promise<JobView> {
    this.calls.push(["clear", request]);
    return CLEARING;
  }
}
