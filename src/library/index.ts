export * from "./types.ts";
export * from "./deps.ts";
export { createLibrary, type CreateLibraryOptions } from "./library.ts";
export { ADMIN_FILE_TOKEN, newSecret } from "./tokens.ts";
