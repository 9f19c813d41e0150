export * from "./types.ts";
export * from "./deps.ts";
export * from "./hub-serving.ts";
export { createLibrary, type CreateLibraryOptions, type OwnedLibrary } from "./library.ts";
export { ADMIN_FILE_TOKEN, newSecret } from "./tokens.ts";
export { acquireHomeLock, type HomeLock, type HomeLockOptions } from "./home-lock.ts";
export { type HomeOwner, readOwner } from "./home-owner.ts";
export { type HubTokenPlaces, HubTokens } from "./hub-token.ts";
export { jsonValues, type ModelSettings, tensorFrom } from "./models/index.ts";
