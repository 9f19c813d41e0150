export { type BlobStoreOptions, openBlobStore } from "./blob-store.ts";
export type * from "./types.ts";
export { viewPath } from "./view-names.ts";
