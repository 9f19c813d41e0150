export { createWatchedFolders, type OwnedWatchedFolders, type WatchSettings } from "./watched-folders.ts";
