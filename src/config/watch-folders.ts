import { sep } from "node:path";
import type { LarderError } from "../core/index.ts";
import { configError, shown } from "./config-error.ts";

/**
 * What lies in the home is there already, and what lies in two watched folders would be taken twice. A home inside of a watched folder is
 * fine: it is passed over.
 *
 * @throws {LarderError} CONFIG
 */
export function refuseWatchedFolders(folders: readonly string[], home: string, label: string): void {
  for (const [index, folder] of folders.entries()) {
    if (isWithin(folder, home)) throw refused(folder, label, "it is the home, or inside of it");
    const other = folders.find((one, place) => place !== index && isWithin(folder, one));
    if (other !== undefined) throw refused(folder, label, `${shown(other)} is watched too`);
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function refused(folder: string, label: string, reason: string): LarderError {
  return configError(`Cannot use ${shown(folder)} for ${label}: ${reason}`, "watch_folders", {
    hint: "Allowed: absolute paths of folders outside of the home, none inside of another one.",
    details: { key: "watch_folders", value: folder },
  });
}
