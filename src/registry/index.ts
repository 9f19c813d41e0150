export type * from "./types.ts";
export type { RebuildSource } from "./build.ts";
export { type Condition, inspectRegistry } from "./inspect.ts";
export { latestVersion } from "./latest.ts";
export { type ManifestDocument, type ParsedManifest, parseManifest, toManifest } from "./manifest.ts";
export { openRegistry, type OpenRegistryOptions } from "./open.ts";
export { type OpenOrRebuildOptions, openOrRebuildRegistry, type RebuildReport } from "./rebuild.ts";
export { MIGRATIONS, schemaVersion } from "./schema.ts";
