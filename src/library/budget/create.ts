import { lstatSync } from "node:fs";
import type { Clock, Events } from "../../core/index.ts";
import type { Metrics } from "../../metrics/index.ts";
import type { BlobStore } from "../../store/index.ts";
import type { DiskBudgetApi, DiskBudgetSettings } from "../budget-types.ts";
import { BudgetKeeper } from "./budget-keeper.ts";
import { DiskBudget, type DiskBudgetDeps } from "./disk-budget.ts";
import { diskUse } from "./disk-use.ts";
import { type IncomingQuota, keepIncomingQuota } from "./incoming-quota.ts";
import { budgetChanges, budgetView } from "./settings-view.ts";

export interface DiskSettings extends DiskBudgetSettings {
  readonly incoming: IncomingQuota;
}

export interface KeptDiskBudget {
  readonly budget: DiskBudget;
  readonly api: DiskBudgetApi;
  /** Clears `incoming/` once, then keeps the budget, looking every minute. */
  start(): void;
  close(): Promise<void>;
}

/** The disk budget with all that keeps it. Close it before what it was given. */
export function createDiskBudget(
  deps: Omit<DiskBudgetDeps, "isThere" | "onEvicted" | "store"> & {
    readonly store: DiskBudgetDeps["store"] & Pick<BlobStore, "removePart">;
    readonly registry: DiskBudgetDeps["registry"];
    readonly events: Events;
    readonly clock: Clock;
    readonly metrics: Metrics | undefined;
    /** Keys of parts that unfinished pulls resume. */
    readonly partKeys: () => ReadonlySet<string>;
  },
  settings: DiskSettings,
): KeptDiskBudget {
  const { incoming, ...limits } = settings;
  const budget: DiskBudget = new DiskBudget({
    ...deps,
    isThere: isFileOfSize,
    onEvicted: countEvicted(deps.metrics, deps, () => budget.budgetBytes),
  }, limits);
  const keeper = new BudgetKeeper(budget, deps);
  return {
    budget,
    api: {
      explain: () => budget.explain(),
      getSettings: async () => budgetView(budget.settings),
      setSettings: async (changes) => {
        const view = budgetView(budget.configure(budgetChanges(changes)));
        void keeper.lookSoon();
        return view;
      },
    },
    start: () => keeper.start(() => keepIncomingQuota(deps, incoming)),
    close: async () => {
      await keeper.close();
      await budget.close();
    },
  };
}

function countEvicted(
  metrics: Metrics | undefined,
  deps: Parameters<typeof diskUse>[0],
  budgetBytes: () => number | undefined,
): DiskBudgetDeps["onEvicted"] {
  const count = metrics?.count("larder_disk_evicted_total", "Variants that left because of the disk budget.");
  const countBytes = metrics?.count("larder_disk_evicted_bytes_total", "Bytes that their leaving freed.");
  metrics?.gauge("larder_disk_used_bytes", "Blobs and partial downloads.", async () => {
    return (await diskUse(deps)).usedBytes;
  });
  metrics?.gauge(
    "larder_disk_budget_bytes",
    "What they may take; 0 without a budget.",
    () => budgetBytes() ?? 0,
  );
  return ({ bytes }) => {
    count?.(1);
    countBytes?.(bytes);
  };
}

function isFileOfSize(path: string, sizeBytes: number): boolean {
  try {
    const entry = lstatSync(path, { throwIfNoEntry: false });
    return entry !== undefined && entry.isFile() && entry.size === sizeBytes;
  } catch {
    // What cannot be looked at cannot be taken in again either.
    return false;
  }
}
