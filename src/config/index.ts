export type { Environment } from "./folders.ts";
export * from "./load.ts";
export { CONFIG_KEYS, type ConfigKey, type ConfigName } from "./schema.ts";
export { parseBytes } from "./values.ts";
