export { bySize, defaultVariant } from "./choose-variant.ts";
export { readFacts } from "./facts.ts";
export { quantizationOf } from "./gguf-variants.ts";
export { createHubClient, type HubClientOptions } from "./hub-client.ts";
export { chunksOf } from "./larder-peer.ts";
export { matchFiles } from "./match-files.ts";
export { formatRepoName, parseRepoName, parseRevision } from "./repo-name.ts";
export type * from "./types.ts";
export { findVariants } from "./variants.ts";
