export type { Environment } from "./folders.ts";
export { type HubToolsPaths } from "./hub-tools.ts";
export { parseHubToken } from "./hub-token.ts";
export * from "./load.ts";
export { isLoopback, isOwnHub } from "./own-hub.ts";
export { CONFIG_KEYS, type ConfigKey, type ConfigName } from "./schema.ts";
export { parseBytes } from "./values.ts";
