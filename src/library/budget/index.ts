export { createDiskBudget, type DiskSettings } from "./create.ts";
export type { DiskBudget } from "./disk-budget.ts";
export { importingStore } from "./importing-store.ts";
export { awaitsRepair } from "./incoming-quota.ts";
