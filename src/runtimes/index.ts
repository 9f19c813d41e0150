export type { LoadLedger, LoadRecord } from "./ledger/load-ledger.ts";
export { isModelFile } from "./headers/index.ts";
export { MODEL_PROCESS, runModelProcess } from "./runner/model-process.ts";
export { checkOptions, OPTION_NAMES } from "./options.ts";
export { createRuntimes, type LocalRuntimes, type RuntimeLimits, type RuntimesOptions } from "./runtimes.ts";
export type * from "./types.ts";
