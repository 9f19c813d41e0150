export { refuseUntilTaken } from "./until-taken.ts";
export { createWatchedFolders, type OwnedWatchedFolders, type WatchSettings } from "./watched-folders.ts";
