export { createDiskBudget, type DiskSettings } from "./create.ts";
export type { DiskBudget } from "./disk-budget.ts";
export { awaitsRepair } from "./incoming-quota.ts";
