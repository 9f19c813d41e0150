export { createModelCache } from "./model-cache.ts";
export { POLICY_NAMES, type PolicyName } from "./policies/index.ts";
export { DEFAULT_CACHE_SETTINGS } from "./settings.ts";
export * from "./types.ts";
